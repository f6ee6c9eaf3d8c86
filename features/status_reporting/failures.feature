Feature: Reports that fail
  An agent must know that its report was not processed, so it can send the report again.

  Background:
    Given a server with a control plane
    And an agent that has reported its full status
    And the operator makes the agent's next message fail

  @MUST @response.error-on-failure
  Scenario: A report that cannot be processed is answered with an error
    When the agent reports its full status, and does not retry
    Then the response is an error_response

  @implied @error.set-on-failure
  Scenario: A check-in that cannot be processed is answered with an error
    When the agent checks in, and does not retry
    Then the response is an error_response

  @implied @error.bad-request-only-as-reply.failure
  Scenario: A report that cannot be processed is not called malformed
    When the agent reports its full status, and does not retry
    Then the answer is not BadRequest
