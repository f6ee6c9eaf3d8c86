@transport.http
Feature: What is not a plain HTTP request
  One endpoint serves both transports, and the content type tells them apart: anything that is not
  protobuf is taken for the opening of a WebSocket, and without an upgrade fails as one.

  Background:
    Given an agent that has reported its full status

  @SHOULD @http.detect-ws
  Scenario: A report of another content type is not processed
    When the agent reports its full status with the content type "application/json"
    Then the request is not answered as plain HTTP

  @SHOULD @http.detect-ws
  Scenario: A report without a content type is not processed
    When the agent reports its full status without a content type
    Then the request is not answered as plain HTTP

  @SHOULD @http.detect-ws
  Scenario: A GET is not answered as plain HTTP
    When the endpoint is fetched with GET
    Then the request is not answered as plain HTTP

  @SHOULD @http.detect-plain
  Scenario: A report is plain HTTP by its content type alone
    When the agent reports its full status with the header "Sec-WebSocket-Version: 13"
    Then the server answers without an error
