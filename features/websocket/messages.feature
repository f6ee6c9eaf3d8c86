@transport.websocket
Feature: Messages on a WebSocket
  Each WebSocket message consists of a header, which is the number 0, and one OpAMP message.

  Rule: The server's messages have the right form

    @implied @ws.binary-frames.server
    Scenario: Answers are binary
      Given an agent that has reported its full status
      When the agent checks in
      Then the answer is a binary message

    @implied @ws.header.zero.server.large
    Scenario: A message with a large configuration begins with the header 0
      Given a server that offers remote configuration
      And a server with a control plane
      And an agent with every capability
      And the agent has reported its full status
      When the operator offers the agent a configuration of 100000 bytes
      And the agent receives the next message
      Then the answer begins with the header 0

    @implied @ws.header.zero.server.check-in
    Scenario: Answers begin with the header 0
      Given an agent that has reported its full status
      When the agent checks in
      Then the answer begins with the header 0

    @implied @ws.layout.server
    Scenario: Only a ServerToAgent follows the header
      Given an agent that has reported its full status
      When the agent checks in
      Then only a ServerToAgent follows the header

    @implied @ws.direction
    Scenario: Answers are not AgentToServer messages
      Given an agent that has reported its full status
      When the agent checks in
      Then the answer has no field that only an AgentToServer has

  Rule: The server reads every valid form

    @implied @ws.roles.fragments
    Scenario: The server accepts a message in fragments
      Given an agent that has reported its full status
      When the agent reports its full status in 3 fragments
      Then the server answers without an error

    @implied @ws.empty-data-valid
    Scenario: A message with only the header does not end the WebSocket
      Given an unknown agent
      When the agent sends a message with only the header
      Then the WebSocket stays open

    @implied @ws.header.varint
    Scenario: The server reads a header of two bytes
      Given an agent that has reported its full status
      When the agent reports its full status after a header of 0 in two bytes
      Then the server answers without an error

    @SHOULD @ws.header.check.nonzero @ws.header.nonzero-malformed.server
    Scenario Outline: A message with the header <header> is malformed
      Given an agent that has reported its full status
      When the agent reports its full status after the header <header>
      Then the message is not processed

      Examples:
        | header               |
        | 1                    |
        | 127                  |
        | 128                  |
        | 18446744073709551615 |

    @SHOULD @bad-request.respond.text-message
    Scenario: A text message is answered
      Given an agent that has reported its full status
      When the agent sends a text message and checks in
      Then the message is not processed

  Rule: Neither side waits for the other

    @MUST @response.must-respond.without-waiting
    Scenario: Each of several messages that are sent without waiting is answered
      Given an agent that has reported its full status
      When the agent checks in 5 times without waiting for answers
      Then the server answers each message

    @MUST @response.must-respond.beyond-unsolicited
    Scenario: Unsolicited messages are not the answers to check-ins
      Given an agent that has reported its full status
      And the agent has checked in 1 time
      And the agent knows how many unsolicited messages the server sends
      When the agent checks in 20 times, and waits for 10 messages that are not unsolicited
      Then the server has sent 10 messages that are not unsolicited

    @implied @ws.full-duplex
    Scenario: A message after a push is answered
      Given a server that offers remote configuration
      And an agent with every capability
      And the agent has reported its full status
      And the agent has received the operator's configuration
      When the agent checks in
      Then the server answers with a ServerToAgent

    @implied @ws.roles.ping
    Scenario: A ping is answered with a pong
      Given an agent that has reported its full status
      When the agent pings the server
      Then the server answers with a pong
