@agent
Feature: The WebSocket transport of an agent
  Each WebSocket message has a header, which is 0 today. An agent reads the header, and regards a message with another
  one as malformed.

  @transport.websocket @implied @ws.empty-data-valid.agent
  Scenario: A message without any field is legal
    Given an agent that has reported
    When the server sends a WebSocket message of the header only
    Then the agent keeps its connection

  @transport.websocket @implied @ws.roles.agent-ping
  Scenario: An agent answers a ping with a pong
    Given an agent that has reported
    When the server pings the agent
    Then the agent answers with a pong

  @transport.websocket @implied @ws.roles.agent-fragments
  Scenario: An agent reads a message in fragments
    Given an agent that has reported
    When the server asks for the agent's full state, in a message of two fragments
    Then the agent's full report comes

  @transport.websocket @SHOULD @ws.header.nonzero-malformed.agent
  Scenario: An agent does not process a message with another header
    Given an agent that has reported
    When the server asks for the agent's full state, under a header that is not 0
    Then the agent reports nothing until it is asked
