Feature: Reports that fail
  An agent has to know that its report was not processed, so that it can send it again.

  Background:
    Given a server that can be operated
    And an agent that has reported its full status
    And the operator has the next message of the agent fail

  @MUST @response.error-on-failure
  Scenario: A report that could not be processed is answered with an error
    When the agent reports its full status, and does not try again
    Then the response is an error_response

  @implied @error.set-on-failure
  Scenario: A check-in that could not be processed is answered with an error
    When the agent checks in, and does not try again
    Then the response is an error_response
