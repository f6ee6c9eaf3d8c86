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

  @implied @http.respond-each
  Scenario: Requests that follow one another are each answered
    Given an agent that has reported its full status
    When the agent checks in 3 times
    Then the server answers each of them

  @MUST @http.support-identity-request
  Scenario: An agent that has compressed a report need not compress the next
    Given an unknown agent
    And the agent has reported its full status compressed with gzip
    When the agent checks in
    Then the server answers without an error

  @implied @http.server-waits-for-poll
  Scenario: What the operator wants is told with the next response
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And the operator has offered the agent a configuration
    When the agent checks in
    Then the agent is offered a configuration
