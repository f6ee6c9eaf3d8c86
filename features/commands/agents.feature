@agent
Feature: Commands for an agent
  A command stands alone in its message. An agent that cannot restart ignores the command.

  @implied @command.executed
  Scenario: An agent restarts when it is told to
    Given an agent with the capability AcceptsRestartCommand
    When the server tells the agent to restart
    Then the agent restarts

  @implied @command.executed.again
  Scenario: An agent restarts each time that it is told to
    Given an agent with the capability AcceptsRestartCommand
    When the server tells the agent to restart
    And the agent has restarted
    And the server tells the agent to restart
    Then the agent restarts

  @implied @interop.tolerate-schema-growth.command
  Scenario: An agent does not take an unknown command for a restart
    Given an agent with the capability AcceptsRestartCommand
    When the server sends the agent a command that no version defines
    Then the agent does not restart

  @implied @command.others-ignored
  Scenario: An agent ignores the other fields beside a command
    Given an agent with the capability AcceptsRestartCommand
    When the server tells the agent to restart, with a configuration and a new instance_uid in the same message
    Then the agent restarts without that configuration and that instance_uid

  @implied @command.unsupported-ignored
  Scenario: An agent that cannot restart ignores the command
    Given an agent without the capability AcceptsRestartCommand
    When the server tells the agent to restart
    Then the agent does not restart
