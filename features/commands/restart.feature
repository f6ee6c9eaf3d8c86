Feature: Commands
  An agent that is commanded ignores whatever else the message says, so the message must say nothing else.

  Background:
    Given a server that can be operated

  @implied @command.alone
  Scenario: A command comes alone
    Given an agent with every capability
    And the agent has reported its full status
    When the operator commands the agent to restart
    And the agent hears from the server
    Then a command comes alone

  @implied @command.alone
  Scenario: A command does not come with an offer
    Given an agent with every capability
    And the operator has offered the agent everything and commanded it to restart
    When the agent reports its full status
    Then no command comes beside anything else

  @MUST @interop.server-stops-unsupported
  Scenario: An agent that cannot restart is not commanded to
    Given an agent with every capability but AcceptsRestartCommand
    And the agent has reported its full status
    When the operator commands the agent to restart
    And the agent checks in
    Then there is no command
