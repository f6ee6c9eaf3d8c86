Feature: How a server can be reached
  Agents choose the transport that suits them, so a server ought to serve both. Of one that it does not
  serve, this is all that is asked.

  @transport.http @SHOULD @transport.server-accepts-http
  Scenario: The server is reachable over plain HTTP
    Given an unknown agent
    When the agent reports its full status
    Then the server can be spoken to over this transport

  @transport.websocket @SHOULD @transport.server-accepts-ws
  Scenario: The server is reachable over WebSocket
    Given an unknown agent
    When the agent reports its full status
    Then the server can be spoken to over this transport

  @implied @identification.every-message.server
  Scenario: The first answer names its agent
    Given an unknown agent
    When the agent reports its full status
    Then the message names an agent

  @implied @identification.every-message.server
  Scenario: An acknowledgement names its agent
    Given an agent that has reported its full status
    When the agent checks in
    Then the message names an agent
