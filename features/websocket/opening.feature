@transport.websocket
Feature: Opening a WebSocket
  A WebSocket begins as an HTTP request. What the server does not know in it, it leaves out of its answer.

  @implied @ws.roles @connection.http-then-upgrade
  Scenario: An opening that offers a subprotocol nobody knows
    Given an agent that has reported its full status
    And an unknown agent
    When the agent opens a WebSocket that offers the subprotocol "nonesuch" and reports its full status
    Then the server answers without an error

  @implied @ws.roles @connection.http-then-upgrade
  Scenario: An opening that offers compression
    Given an agent that has reported its full status
    And an unknown agent
    When the agent opens a WebSocket that offers compression and reports its full status
    Then the server answers without an error
