@agent
Feature: An agent and a server that is too busy
  A server that is too busy says when an agent may try again. An agent that comes earlier, or that tries again and
  again, keeps the server busy.

  @SHOULD @throttle.retry-after-ns
  Scenario: An agent waits as long as Unavailable asks for
    Given an agent that has reported
    When the server answers the agent's full report with Unavailable and a wait of 2 seconds
    Then the agent sends no report before 2 seconds are over

  @SHOULD @throttle.retry-after-ns.again
  Scenario: An agent waits each time that Unavailable asks for it
    Given an agent that has reported
    When the server answers the agent's full report with Unavailable and a wait of 2 seconds
    And the server answers the agent's full report with Unavailable and a wait of 2 seconds
    Then the agent sends no report before 2 seconds are over

  @SHOULD @throttle.http-honour @throttle.http-retry-after-time @connection.honour-throttling.status
  Scenario Outline: An agent waits as long as Retry-After asks for, with <status>
    Given an agent that has reported
    When the server refuses the agent with <status> and a wait of 2 seconds
    Then the agent does not try again before 2 seconds are over

    Examples:
      | status |
      | 429    |
      | 503    |

  @SHOULD @throttle.http-retry-after-time.again
  Scenario: An agent waits each time that Retry-After asks for it
    Given an agent that has reported
    When the server refuses the agent with 503 and a wait of 2 seconds
    And the server refuses the agent with 503 and a wait of 2 seconds
    Then the agent does not try again before 2 seconds are over

  @SHOULD @throttle.http-retry-after-time.longer
  Scenario: An agent waits as long as Retry-After asks for, also if that is longer
    Given an agent that has reported
    When the server refuses the agent with 503 and a wait of 5 seconds
    Then the agent does not try again before 5 seconds are over

  @SHOULD @throttle.http-retry-after-time.date
  Scenario: An agent waits until the date in Retry-After
    Given an agent that has reported
    When the server refuses the agent until 3 seconds later, as a date
    Then the agent does not try again before 2 seconds are over

  @SHOULD @connection.backoff-jitter @reconnect.backoff @throttle.backoff.refused
  Scenario: An agent that is refused waits longer each time
    Given an agent that has reported
    When the server refuses the agent 4 times with 503
    Then the agent's waits between its tries grow
