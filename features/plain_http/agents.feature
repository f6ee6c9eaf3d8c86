@agent
Feature: The plain HTTP transport of an agent
  An agent reads what it says that it can read, and has one request at a time.

  @transport.http @MUST @http.one-request-in-flight
  Scenario: An agent waits for the response before its next request
    Given an agent that has reported
    When the server takes 1.5 seconds for a response, at an interval of polls of 1 second
    Then no other request of the agent came in between

  @transport.http @implied @http.reads-announced-encoding
  Scenario: An agent that accepts gzip reads a response in it
    Given an agent that has reported
    When the server asks for the agent's full state, in a response with gzip
    Then the agent answers with a full report
