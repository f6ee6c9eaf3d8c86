@transport.http
Feature: HTTP connections
  Over plain HTTP, a connection has no meaning: an agent may keep it, or open a new one for each message.

  @implied @disconnect.http-keepalive-neutral
  Scenario: An agent that opens a connection for each message is served
    Given an agent that has reported its full status
    And the agent has checked in and was not asked for the full state
    When the agent checks in and closes the connection after the response
    Then the server answers without an error
    And the server does not ask for the full state
