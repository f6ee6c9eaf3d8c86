@transport.websocket
Feature: Opening a WebSocket
  A WebSocket begins as an HTTP request. The server ignores the options in it that it does not know.

  @implied @ws.roles.subprotocol @connection.http-then-upgrade
  Scenario: The opening offers an unknown subprotocol
    Given an agent that has reported its full status
    And an unknown agent
    When the agent opens a WebSocket that offers the subprotocol "nonesuch" and reports its full status
    Then the server answers without an error

  @implied @ws.roles.compression @connection.http-then-upgrade
  Scenario: The opening offers compression
    Given an agent that has reported its full status
    And an unknown agent
    When the agent opens a WebSocket that offers compression and reports its full status
    Then the server answers without an error
