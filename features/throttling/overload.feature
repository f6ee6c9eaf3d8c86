Feature: Servers that are too busy
  A busy server says so, and when to come back. That is better than an answer that never comes.

  Background:
    Given a server that can be operated
    And an agent that has reported its full status
    And the operator has the server overloaded for the agent

  @transport.websocket @SHOULD @throttle.ws-unavailable
  Scenario: An overloaded server says that it is unavailable
    When the agent checks in, and does not try again
    Then the error is Unavailable

  @implied @throttle.min-30s
  Scenario: An overloaded server gives itself half a minute
    When the agent checks in, and does not try again
    Then the agent is asked to wait for 30 seconds or more
