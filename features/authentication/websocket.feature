@transport.websocket
Feature: WebSockets without valid credentials
  A client without valid credentials is rejected by an HTTP status before the WebSocket opens.

  Background:
    Given a server that requires credentials
    And an unknown agent

  @implied @auth.without-credentials.websocket
  Scenario: A client opens a WebSocket without credentials
    When the agent opens a WebSocket without credentials
    Then the request is answered with the status 401

  @MUST @auth.401.websocket-wrong-credentials
  Scenario: A client opens a WebSocket with wrong credentials
    When the agent opens a WebSocket with wrong credentials
    Then the request is answered with the status 401

  @implied @auth.before-upgrade.upgrade
  Scenario: The server checks credentials before the WebSocket opens
    When the agent opens a WebSocket without credentials
    Then no WebSocket opens
