Feature: Commands
  An agent that receives a command ignores the other fields of the message. So the message must not have any.

  Background:
    Given a server with a control plane

  @implied @command.alone.sent
  Scenario: A command is sent in its own message
    Given an agent with every capability
    And the agent has reported its full status
    When the operator sends the agent a restart command
    And the agent receives the next message
    Then the message has no other content than the command

  @implied @command.alone.with-offers
  Scenario: A command is not sent together with offers
    Given an agent with every capability
    And the operator has offered the agent everything and sent it a restart command
    When the agent reports its full status
    Then the message has no command together with other content

  @MUST @interop.server-stops-unsupported.command
  Scenario: An agent that cannot restart receives no restart command
    Given an agent with every capability but AcceptsRestartCommand
    And the agent has reported its full status
    When the operator sends the agent a restart command
    And the agent checks in
    Then the message has no command
