Feature: Transports
  An agent chooses its transport, so a server should support both. If the server does not support a transport, no
  other scenario tests that transport.

  @transport.http @SHOULD @transport.server-accepts-http
  Scenario: The server supports plain HTTP
    Given an unknown agent
    When the agent reports its full status
    Then the server supports this transport

  @transport.websocket @SHOULD @transport.server-accepts-ws
  Scenario: The server supports WebSocket
    Given an unknown agent
    When the agent reports its full status
    Then the server supports this transport

  @implied @identification.every-message.server.first-answer
  Scenario: The first answer has an instance_uid
    Given an unknown agent
    When the agent reports its full status
    Then the message has an instance_uid

  @implied @identification.every-message.server.acknowledgement
  Scenario: An acknowledgement has an instance_uid
    Given an agent that has reported its full status
    When the agent checks in
    Then the message has an instance_uid
