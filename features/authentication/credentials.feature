@transport.http
Feature: Clients that may not speak
  A server that asks for credentials says so with the status that HTTP has for it, before it looks at
  the message.

  Background:
    Given a server that asks for credentials
    And an agent that has reported its full status

  @MUST @auth.401
  Scenario: A client without credentials
    When the agent reports its full status without credentials
    Then the request is answered with the status 401

  @MUST @auth.401
  Scenario: A client with wrong credentials
    When the agent reports its full status with wrong credentials
    Then the request is answered with the status 401

  @MUST @auth.401
  Scenario: A client with credentials of a scheme that nobody knows
    When the agent reports its full status with credentials of an unknown scheme
    Then the request is answered with the status 401

  @MUST @auth.401
  Scenario: An unauthorized client with a malformed message
    When the agent sends bytes that are not protobuf without credentials
    Then the request is answered with the status 401
