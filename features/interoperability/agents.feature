@agent
Feature: Agents and servers of other versions
  An agent may meet a server of a later version, or one that can do less. It ignores what it does not know, and stops
  what the server does not accept.

  @implied @interop.ignore-unknown-fields.agent
  Scenario: An agent ignores an unknown field, and processes the others
    Given an agent that has reported
    When the server asks for the agent's full state, with a field that no version defines
    Then the agent answers with a full report

  @implied @interop.tolerate-schema-growth.agent
  Scenario: An agent ignores undefined flags and capabilities
    Given an agent that has reported
    When the server asks for the agent's full state, with undefined flags and capabilities
    Then the agent answers with a full report

  @implied @interop.peer-may-lack.agent
  Scenario: An agent reports to a server that only accepts status
    Given an agent that has reported
    When the server announces that it only accepts status
    Then the agent still reports its full state

  @MUST @interop.agent-stops-unsupported
  Scenario: An agent stops to report what the server does not accept
    Given an agent with the capability ReportsEffectiveConfig
    And the agent has reported its effective config
    When the server announces that it only accepts status
    Then the agent's next full report has no effective config

  @MUST @interop.agent-stops-unsupported.packages
  Scenario: An agent stops to report its packages if the server does not accept that
    Given an agent that has installed a package from the server
    When the server announces that it only accepts status
    Then the agent's next full report has no package statuses

  @MUST @interop.agent-stops-unsupported.certificate
  Scenario: An agent does not ask for a certificate if the server issues none
    Given an agent whose driver can let it ask for a certificate
    When the server announces that it only accepts status
    And the server asks for the agent's full state
    And the agent asks for a certificate
    Then the agent sends no signing request

  @implied @capabilities.agent.server-zero-is-unspecified
  Scenario: A message without capabilities does not change what the server accepts
    Given an agent with the capability ReportsEffectiveConfig
    And the agent has reported its effective config
    When the server sends the agent a message without capabilities
    Then the agent still reports its full state
    And the agent's next full report still has its effective config

  @SHOULD @capabilities.agent.ignore-unsupported
  Scenario: An agent ignores a configuration if it accepts none
    Given an agent without the capability AcceptsRemoteConfig
    When the server offers the agent a configuration
    Then the agent has not taken the configuration

  @SHOULD @capabilities.agent.ignore-unsupported.settings
  Scenario: An agent ignores connection settings if it accepts none
    Given an agent without the capability AcceptsOpAMPConnectionSettings
    When the server offers another endpoint
    Then the agent does not go to the offered endpoint

  @SHOULD @capabilities.agent.ignore-unsupported.packages
  Scenario: An agent ignores packages if it accepts none
    Given an agent without the capability AcceptsPackages
    When the server offers the agent a package
    Then the agent does not download the package

  @SHOULD @capabilities.agent.ignore-unsupported.telemetry
  Scenario: An agent ignores a destination for logs if it sends none
    Given an agent without the capability ReportsOwnLogs
    When the server offers a destination for the agent's own logs
    Then the agent sends no telemetry there
