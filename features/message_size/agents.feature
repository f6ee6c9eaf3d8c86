@agent
Feature: An agent whose request was too large
  The same request would be too large again.

  @transport.http @MUST-NOT @size.http.client-no-retry
  Scenario: A report that was too large is not sent again
    Given an agent that has reported
    When the server answers the agent's full report with the status 413
    Then the agent does not send that report again
