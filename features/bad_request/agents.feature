@agent
Feature: An agent whose message was refused
  A BadRequest says that the message itself is wrong. The same message would be refused again.

  @SHOULD-NOT @bad-request.no-retry
  Scenario: A report that got a BadRequest is not sent again
    Given an agent that has reported
    When the server answers the agent's full report with a BadRequest
    Then the agent does not send that report again
