@transport.websocket
Feature: Messages on a WebSocket
  Each message of a WebSocket is a header, the number 0, and one OpAMP message right behind it.

  Rule: The server's messages have the form that agents read

    @implied @ws.binary-frames.server
    Scenario: Answers are binary
      Given an agent that has reported its full status
      When the agent checks in
      Then the answer is a binary message

    @implied @ws.header.zero.server
    Scenario: Answers begin with the header 0
      Given an agent that has reported its full status
      When the agent checks in
      Then the answer begins with the header 0

    @implied @ws.layout.server
    Scenario: Answers are one ServerToAgent behind the header
      Given an agent that has reported its full status
      When the agent checks in
      Then nothing but a ServerToAgent follows the header

    @implied @ws.direction
    Scenario: Answers are not messages of agents
      Given an agent that has reported its full status
      When the agent checks in
      Then the answer has no field that only an AgentToServer has

  Rule: The server reads whatever the form allows

    @implied @ws.roles
    Scenario: A message in fragments is one message
      Given an agent that has reported its full status
      When the agent reports its full status in 3 fragments
      Then the server answers without an error

    @implied @ws.empty-data-valid
    Scenario: A message of nothing but the header does not end the WebSocket
      Given an unknown agent
      When the agent sends a message of nothing but the header
      Then the WebSocket goes on

    @implied @ws.header.varint
    Scenario: A header of two bytes is read to its end
      Given an agent that has reported its full status
      When the agent reports its full status behind a header of 0 in two bytes
      Then the server answers without an error

    @SHOULD @ws.header.check @ws.header.nonzero-malformed.server
    Scenario Outline: A message with the header <header> is malformed
      Given an agent that has reported its full status
      When the agent reports its full status behind the header <header>
      Then the message is not processed

      Examples:
        | header               |
        | 1                    |
        | 127                  |
        | 128                  |
        | 18446744073709551615 |

    @SHOULD @bad-request.respond
    Scenario: A text message is not left without an answer
      Given an agent that has reported its full status
      When the agent sends a text message and checks in
      Then the message is not processed

  Rule: Neither side waits for the other

    @MUST @response.must-respond
    Scenario: Messages that are sent without waiting are each answered
      Given an agent that has reported its full status
      When the agent checks in 5 times without waiting for answers
      Then the server answers each of them

    @implied @ws.full-duplex
    Scenario: An agent that has been told something goes on with what it had to say
      Given a server that offers remote configuration
      And an agent with every capability
      And the agent has reported its full status
      And the operator has offered the agent a configuration that it has heard of
      When the agent checks in
      Then a ServerToAgent comes back

    @implied @ws.roles
    Scenario: A ping is answered by a pong
      Given an agent that has reported its full status
      When the agent pings the server
      Then the server answers with a pong
