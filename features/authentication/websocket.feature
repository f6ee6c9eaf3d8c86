@transport.websocket
Feature: WebSockets that may not be opened
  Whoever may not speak learns it before there is a WebSocket, by the status that HTTP has for it.

  Background:
    Given a server that asks for credentials
    And an unknown agent

  @MUST @auth.401
  Scenario: A WebSocket without credentials
    When the agent opens a WebSocket without credentials
    Then the request is answered with the status 401

  @MUST @auth.401
  Scenario: A WebSocket with wrong credentials
    When the agent opens a WebSocket with wrong credentials
    Then the request is answered with the status 401

  @implied @auth.before-upgrade
  Scenario: Credentials are looked at before there is a WebSocket
    When the agent opens a WebSocket without credentials
    Then no WebSocket opens
