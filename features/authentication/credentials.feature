@transport.http
Feature: Requests without valid credentials
  A server that requires credentials rejects a request without them by the HTTP status 401, before it looks at the
  message.

  Background:
    Given a server that requires credentials
    And an agent that has reported its full status

  @implied @auth.without-credentials.report
  Scenario: A client sends no credentials
    When the agent reports its full status without credentials
    Then the request is answered with the status 401

  @MUST @auth.401.wrong-credentials
  Scenario: A client sends wrong credentials
    When the agent reports its full status with wrong credentials
    Then the request is answered with the status 401

  @MUST @auth.401.too-long
  Scenario: A client sends the right credentials and one more character
    When the agent reports its full status with credentials that are too long
    Then the request is answered with the status 401

  @MUST @auth.401.unknown-scheme
  Scenario: A client sends credentials of an unknown scheme
    When the agent reports its full status with credentials of an unknown scheme
    Then the request is answered with the status 401

  @implied @auth.without-credentials.malformed-message
  Scenario: A client without credentials sends a malformed message
    When the agent sends bytes that are not protobuf without credentials
    Then the request is answered with the status 401
