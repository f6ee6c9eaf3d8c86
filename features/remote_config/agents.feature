@agent
Feature: The remote configuration of an agent
  The server learns by the hash which configuration an agent has, and by the status what has become of it.

  @implied @capabilities.agent.accepts-remote-config @capabilities.agent.remote-config-status-reported.offer
  Scenario: An agent reports what has become of a configuration
    Given an agent with the capability AcceptsRemoteConfig
    When the server offers the agent a configuration
    Then the agent reports the outcome with the hash of the configuration

  @implied @remote-config.last-hash
  Scenario: An agent reports the hash of the last configuration
    Given an agent with the capability AcceptsRemoteConfig
    And the server has offered the agent a configuration
    When the server offers the agent another configuration
    Then the agent's next full report after the outcome has the hash of the configuration

  @implied @remote-config.last-hash.same-content
  Scenario: An agent reports another hash of the same configuration
    Given an agent with the capability AcceptsRemoteConfig
    And the server has offered the agent a configuration
    When the server offers the agent the same configuration under another hash
    Then the agent's next full report after the outcome has the hash of the configuration

  @implied @remote-config.last-hash.two-at-once
  Scenario: Of two configurations, the last one counts
    Given an agent with the capability AcceptsRemoteConfig
    When the server offers the agent two configurations, one right after the other
    Then the agent's next full report after the outcome has the hash of the configuration

  @SHOULD @remote-config.agent-includes-hash
  Scenario: Later reports have the hash of the configuration, too
    Given an agent with the capability AcceptsRemoteConfig
    And the server has offered the agent a configuration
    When the server sends the agent a message that asks for nothing
    Then the agent's next full report has the hash of the configuration

  @SHOULD-NOT @processing.no-report-if-unchanged
  Scenario: The same configuration is no reason for another report
    Given an agent with the capability AcceptsRemoteConfig
    And the server has offered the agent a configuration
    When the server offers the agent the same configuration again
    Then the agent reports nothing until it is asked

  @MUST @processing.agent-must-process.beside-uid
  Scenario: An agent processes every field of a message
    Given an agent with the capability AcceptsRemoteConfig
    And the server has offered the agent a configuration
    When the server offers the agent another configuration and a new instance_uid at once
    Then the agent applies the configuration, and adopts the new instance_uid

  @MUST @processing.agent-must-process.beside-flag
  Scenario: An agent processes a configuration beside a flag
    Given an agent with the capability AcceptsRemoteConfig
    And the server has offered the agent a configuration
    When the server offers the agent another configuration, and asks for its full state at once
    Then the agent's next full report after the outcome has the hash of the configuration

  @MUST @processing.agent-must-process.beside
  Scenario Outline: An agent processes a configuration beside <part>
    Given an agent with the capability AcceptsRemoteConfig
    And the server has offered the agent a configuration
    When the server offers the agent another configuration beside <part>
    Then the agent reports the outcome with the hash of the configuration

    Examples:
      | part                |
      | connection settings |
      | a set of packages   |
      | a custom message    |

  @implied @flags.report-full-state.agent.beside-offer
  Scenario: An agent obeys a flag beside a configuration
    Given an agent with the capability AcceptsRemoteConfig
    And the server has offered the agent a configuration
    When the server offers the agent another configuration, and asks for its full state at once
    Then the agent's full report comes

  @implied @capabilities.agent.accepts-remote-config.after-failure
  Scenario: An agent takes a configuration after one that it could not apply
    Given an agent with the capability AcceptsRemoteConfig
    And the driver lets the next configuration fail
    And the server has offered the agent a configuration
    When the server offers the agent another configuration
    Then the agent reports the outcome with the hash of the configuration

  @implied @effective-config.is-current
  Scenario: An agent that takes another configuration reports that it uses it
    Given an agent with the capability AcceptsRemoteConfig
    And the agent uses a configuration that the server has offered
    When the server offers the agent another configuration
    Then the agent's full report says that it uses the other configuration

  @MUST @status.report-on-change.effective-config
  Scenario: An agent reports each change of its effective configuration
    Given an agent with the capability AcceptsRemoteConfig
    And the agent uses a configuration that the server has offered
    When the server offers the agent another configuration
    Then the agent reports that it uses the other configuration

  @implied @remote-config.status-values.after-success
  Scenario: An agent reports a configuration that it cannot apply, after one that it has applied
    Given an agent with the capability AcceptsRemoteConfig
    And the server has offered the agent a configuration
    And the driver lets the next configuration fail
    When the server offers the agent another configuration
    Then the agent reports that the configuration has failed

  @implied @remote-config.status-values
  Scenario: An agent reports a configuration that it cannot apply
    Given an agent with the capability AcceptsRemoteConfig
    And the driver lets the next configuration fail
    When the server offers the agent a configuration
    Then the agent reports that the configuration has failed
