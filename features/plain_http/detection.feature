@transport.http
Feature: Requests that are not plain HTTP
  One endpoint serves both transports, and the content type distinguishes them. A request that is not protobuf is
  the opening of a WebSocket; without an upgrade, that opening fails.

  Background:
    Given an agent that has reported its full status

  @SHOULD @http.detect-ws.content-type
  Scenario: A report with another content type is not processed
    When the agent reports its full status with the content type "application/json"
    Then the request is not answered as plain HTTP

  @SHOULD @http.detect-ws.no-content-type
  Scenario: A report without a content type is not processed
    When the agent reports its full status without a content type
    Then the request is not answered as plain HTTP

  @SHOULD @http.detect-ws.get
  Scenario: A GET is not answered as plain HTTP
    When the client sends a GET to the endpoint
    Then the request is not answered as plain HTTP

  @SHOULD @http.detect-plain.upper-case
  Scenario: The content type may be in upper case
    When the agent reports its full status with the content type "Application/X-Protobuf"
    Then the server answers without an error

  @SHOULD @http.detect-plain.content-type
  Scenario: The content type alone makes a report plain HTTP
    When the agent reports its full status with the header "Sec-WebSocket-Version: 13"
    Then the server answers without an error

  @SHOULD @http.detect-plain.upgrade
  Scenario: A report is plain HTTP although it has the header of an upgrade
    When the agent reports its full status with the header "Upgrade: websocket"
    Then the server answers without an error
