@transport.http
Feature: Bodies of requests and responses
  Over plain HTTP one message is one body, in one of two encodings either way.

  @MUST @http.support-gzip-request @http.honour-content-encoding
  Scenario: A compressed report is understood
    Given an agent that has reported its full status
    And an unknown agent
    When the agent reports its full status compressed with gzip
    Then the server answers without an error

  @MUST @http.honour-content-encoding
  Scenario: A report in an encoding that nobody knows is not taken for a plain one
    Given an agent that has reported its full status
    And an unknown agent
    When the agent reports its full status in the encoding "x-nonesuch"
    Then the request is refused

  @implied @http.response-body
  Scenario: The body of a response is a ServerToAgent
    Given an agent that has reported its full status
    When the agent checks in
    Then the body of the response is a ServerToAgent

  @SHOULD @http.response-compression
  Scenario: A client that takes gzip is sent gzip
    Given an unknown agent
    When the agent reports its full status and takes compressed responses
    Then the response is compressed with gzip
