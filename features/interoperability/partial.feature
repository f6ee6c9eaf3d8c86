Feature: Peers with fewer capabilities
  Most capabilities are optional on both sides. Each side uses only the capabilities that both have.

  @implied @interop.announce-initially
  Scenario: The server announces its capabilities in the first response
    Given an unknown agent
    When the agent reports its full status
    Then the response has the server's capabilities

  @implied @interop.peer-may-lack
  Scenario: An agent that only reports its status is served
    Given an agent that has reported its full status
    And an agent that only reports its status
    When the agent reports its full status
    Then the server answers without an error

  @MUST @interop.server-stops-unsupported.offers
  Scenario: An agent that accepts nothing is offered nothing
    Given a server with a control plane
    And an agent that only reports its status
    And the agent has reported its full status
    When the operator offers the agent everything
    And the agent checks in
    Then the agent is offered nothing

  @MUST @interop.server-stops-unsupported.first-answer
  Scenario: What was defined before is not in the first answer to an agent that accepts nothing
    Given an agent that only reports its status
    And the operator has defined offers of every kind for the agent
    When the agent reports its full status
    Then the agent is offered nothing

  @MUST @interop.server-stops-unsupported.configuration
  Scenario: An agent that accepts all but remote configuration is offered none in the first answer
    Given a server that offers remote configuration
    And an agent with every capability but AcceptsRemoteConfig
    And the operator has defined a configuration for the agent
    When the agent reports its full status
    Then no configuration is offered

  @MUST @interop.server-stops-unsupported.packages
  Scenario: An agent that accepts all but packages is offered none in the first answer
    Given a server that offers packages
    And an agent with every capability but AcceptsPackages
    And the operator has defined a package for the agent
    When the agent reports its full status
    Then no packages are offered

  @MUST @interop.server-stops-unsupported.settings
  Scenario Outline: An agent with all but <capability> is offered no settings for <kind> in the first answer
    Given a server that offers connection settings
    And an agent with every capability but <capability>
    And the operator has defined settings of every kind for the agent
    When the agent reports its full status
    Then no settings for <kind> are offered

    Examples:
      | capability                     | kind               |
      | ReportsOwnMetrics              | own metrics        |
      | ReportsOwnTraces               | own traces         |
      | ReportsOwnLogs                 | own logs           |
      | AcceptsOpAMPConnectionSettings | OpAMP              |
      | AcceptsOtherConnectionSettings | another connection |

  @MUST @capabilities.server-respects-change.check-in
  Scenario: An agent can withdraw a capability in a check-in
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And the agent has checked in without the capability AcceptsRemoteConfig
    When the operator offers the agent a configuration
    And the agent checks in
    Then no configuration is offered

  @MUST @capabilities.server-respects-change.before-offer
  Scenario: An agent that has withdrawn a capability receives no offer for it
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And the agent has withdrawn the capability AcceptsRemoteConfig
    When the operator offers the agent a configuration
    And the agent checks in
    Then no configuration is offered

  @MUST @capabilities.server-respects-change.mismatch
  Scenario: An agent that has withdrawn a capability in a check-in is not offered again what it lacks
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And the agent has received a configuration
    And the agent has checked in without the capability AcceptsRemoteConfig
    When the agent reports that it has applied another configuration
    Then no configuration is offered

  @MUST @capabilities.server-respects-change.failed
  Scenario: An agent that withdraws a capability when it reports a failure is not offered again what it lacks
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And the agent has received a configuration
    When the agent withdraws AcceptsRemoteConfig and reports that it has failed to apply another configuration
    Then no configuration is offered

  @MUST @capabilities.server-respects-change.configuration
  Scenario: An agent that withdraws AcceptsRemoteConfig is not offered its configuration again
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And the agent has received a configuration
    When the agent withdraws the capability AcceptsRemoteConfig
    Then no configuration is offered

  @MUST @capabilities.server-respects-change.packages
  Scenario: An agent that withdraws AcceptsPackages is not offered its packages again
    Given a server that offers packages
    And an agent with every capability
    And the agent has reported its full status
    And the agent has received a package
    When the agent withdraws the capability AcceptsPackages
    Then no packages are offered

  @MUST @capabilities.server-respects-change.settings
  Scenario Outline: An agent that withdraws <capability> is not offered settings for it again
    Given a server that offers connection settings
    And an agent with every capability
    And the agent has reported its full status
    And the agent has received settings for <kind>
    When the agent withdraws the capability <capability>
    Then no settings for <kind> are offered

    Examples:
      | capability                     | kind               |
      | ReportsOwnMetrics              | own metrics        |
      | ReportsOwnTraces               | own traces         |
      | ReportsOwnLogs                 | own logs           |
      | AcceptsOpAMPConnectionSettings | OpAMP              |
      | AcceptsOtherConnectionSettings | another connection |

  @MUST @capabilities.server-respects-change.gained-settings
  Scenario: An agent that sends its own metrics later is offered settings for them then
    Given a server that offers connection settings
    And an agent with every capability but ReportsOwnMetrics
    And the agent has reported its full status
    And the operator has defined settings of every kind for the agent
    When the agent reports its full status with every capability
    Then settings for own metrics are offered

  @MUST @capabilities.server-respects-change.gained
  Scenario: An agent that accepts remote configuration later is offered it then
    Given a server that offers remote configuration
    And an agent with every capability but AcceptsRemoteConfig
    And the agent has reported its full status
    And the operator has defined a configuration for the agent
    When the agent reports its full status with every capability
    Then the agent is offered a configuration

  @implied @capabilities.server.bits-truthful
  Scenario: The server uses only capabilities that it has announced
    Given an agent with every capability
    And the operator has defined offers of every kind for the agent
    When the agent reports its full status
    Then the server uses only capabilities that it has announced
