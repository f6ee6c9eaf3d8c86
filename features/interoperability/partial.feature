Feature: Peers that can do less
  Most capabilities are optional on either side, so each side uses only what both have.

  @implied @interop.announce-initially
  Scenario: The server says what it can do as soon as the agent has
    Given an unknown agent
    When the agent reports its full status
    Then the response carries the server's capabilities

  @implied @interop.peer-may-lack
  Scenario: An agent that does nothing but report its status is served
    Given an agent that has reported its full status
    And an agent that only reports its status
    When the agent reports its full status
    Then the server answers without an error

  @MUST @interop.server-stops-unsupported
  Scenario: An agent that can take nothing is offered nothing
    Given a server that can be operated
    And an agent that only reports its status
    And the agent has reported its full status
    When the operator offers the agent everything there is
    And the agent checks in
    Then the agent is offered nothing

  @MUST @capabilities.server-respects-change
  Scenario: An agent that has given up a capability is not offered what it was for
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And the agent has given up the capability AcceptsRemoteConfig
    When the operator offers the agent a configuration
    And the agent checks in
    Then no configuration is offered

  @implied @capabilities.server.bits-truthful
  Scenario: A server uses nothing that it has not announced
    Given a server that can be operated
    And an agent with every capability
    And the agent has reported its full status
    When the operator offers the agent everything there is
    And the agent checks in
    Then the server uses only capabilities it has announced
