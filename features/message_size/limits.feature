Feature: Limits on the size of messages
  A server must bound the messages that it reads, because one agent that sends too much must not exhaust the memory of
  the server for all others. An agent has to know what happens to a message that is too large. The limit counts the
  whole body, or the whole WebSocket message with its header, and it counts them after decompression. 64 MiB is the
  recommended limit, and the expected one unless another was given.

  Background:
    Given a server that may be sent large messages
    And an agent that has reported its full status

  Rule: A message of the size of the limit is accepted

    @transport.http @SHOULD @size.http.default.plain
    Scenario: A request as large as the limit is accepted
      When the agent checks in with a message as large as the limit
      Then the server answers without an error

    @transport.http @SHOULD @size.http.default.gzip
    Scenario: A compressed request as large as the limit is accepted
      When the agent checks in with a message as large as the limit, compressed with gzip
      Then the server answers without an error

    @transport.websocket @SHOULD @size.ws.default.whole
    Scenario: A WebSocket message as large as the limit is accepted
      When the agent checks in with a message as large as the limit
      Then the server answers without an error

    @transport.websocket @SHOULD @size.ws.default.fragments
    Scenario: Fragments as large as the limit together are accepted
      When the agent checks in with a message as large as the limit, in parts
      Then the server answers without an error

  Rule: A message larger than the expected limit is not accepted

    @transport.http @SHOULD @size.http.default.larger
    Scenario: A request that is larger than the expected limit is not accepted
      When the agent checks in with a message one byte larger than the limit
      Then the message is not accepted

    @transport.http @SHOULD @size.http.default.larger-gzip
    Scenario: A compressed request that is larger than the expected limit is not accepted
      When the agent checks in with a message one byte larger than the limit, compressed with gzip
      Then the message is not accepted

    @transport.websocket @SHOULD @size.ws.default.larger
    Scenario: A WebSocket message that is larger than the expected limit is not accepted
      When the agent checks in with a message one byte larger than the limit
      Then the message is not accepted

    @transport.websocket @SHOULD @size.ws.default.larger-fragments
    Scenario: Fragments that are larger than the expected limit together are not accepted
      When the agent checks in with a message one byte larger than the limit, in parts
      Then the message is not accepted

  Rule: A larger message is refused

    @transport.http @MUST @size.http.server-413.plain @size.http.server-receive
    Scenario: A request larger than the limit is refused
      When the agent checks in with a message one byte larger than the limit
      Then the request is refused as too large

    @transport.http @MUST @size.http.server-413.chunks @size.http.server-receive
    Scenario: A request in chunks that is larger than the limit is refused
      When the agent checks in with a message one byte larger than the limit, in parts
      Then the request is refused as too large

    @transport.http @MUST @size.http.server-413.gzip @size.http.server-receive
    Scenario: A request that is larger than the limit after decompression is refused
      When the agent checks in with a message one byte larger than the limit, compressed with gzip
      Then the request is refused as too large

    @transport.websocket @MUST @size.ws.server-malformed.whole @size.ws.server-receive
    Scenario: A WebSocket message larger than the limit is not processed
      When the agent checks in with a message one byte larger than the limit
      Then the message is not processed, because it is too large

    @transport.websocket @MUST @size.ws.server-malformed.fragments @size.ws.server-receive
    Scenario: Fragments that are larger than the limit together are not processed
      When the agent checks in with a message one byte larger than the limit, in parts
      Then the message is not processed, because it is too large

    @transport.websocket @SHOULD @size.ws.server-1009.whole
    Scenario: A WebSocket message larger than the limit ends the connection
      When the agent checks in with a message one byte larger than the limit
      Then the server closes the WebSocket with the code 1009

    @transport.websocket @SHOULD @size.ws.server-1009.fragments
    Scenario: Fragments that are larger than the limit together end the connection
      When the agent checks in with a message one byte larger than the limit, in parts
      Then the server closes the WebSocket with the code 1009
