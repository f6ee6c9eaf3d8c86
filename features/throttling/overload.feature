Feature: Overloaded servers
  An overloaded server reports that it is overloaded, and when the agent can retry. That is better than no answer.

  Background:
    Given a server with a control plane
    And an agent that has reported its full status
    And the operator overloads the server for the agent's next message

  @transport.websocket @SHOULD @throttle.ws-unavailable
  Scenario: An overloaded server answers with Unavailable
    When the agent checks in, and does not retry
    Then the error is Unavailable

  @implied @throttle.min-30s
  Scenario: An overloaded server asks for a wait of at least half a minute
    When the agent checks in, and does not retry
    Then the agent is asked to wait for 30 seconds or more
