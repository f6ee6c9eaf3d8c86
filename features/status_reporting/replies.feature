Feature: Answers to reports
  The answer shows the agent that its report has arrived, and whether it was processed.

  @MUST @response.must-respond.check-ins
  Scenario: Each check-in is answered
    Given an agent that has reported its full status
    When the agent checks in 3 times
    Then the server answers each message

  @MUST @retry.respond-to-each-duplicate
  Scenario: A message that arrives several times is answered each time
    Given an agent that has reported its full status
    When the agent sends the same check-in 3 times
    Then the server answers each message

  @MUST @retry.respond-to-each-duplicate.full-report
  Scenario: A full report that arrives several times is answered each time
    Given an agent that has reported its full status
    When the agent sends the same full report 3 times
    Then the server answers each message

  @MUST @response.no-error-on-success.full-report
  Scenario: A full report is processed without an error
    Given an unknown agent
    When the agent reports its full status
    Then the message is accepted

  @MUST @response.no-error-on-success.check-in
  Scenario: A check-in is processed without an error
    Given an agent that has reported its full status
    When the agent checks in
    Then the message is accepted

  @MUST @response.no-error-on-success.unhealthy
  Scenario: The report of an unhealthy agent is processed without an error
    Given an agent that has reported its full status
    When the agent reports that it is unhealthy
    Then the message is accepted

  @MUST @response.no-error-on-success.binary-configuration
  Scenario: The report of a configuration that is not text is processed without an error
    Given an agent with every capability
    And the agent has reported its full status
    When the agent reports a configuration of 1000 bytes
    Then the message is accepted

  @MUST @response.must-respond.half-megabyte
  Scenario: A report of half a megabyte is answered
    Given an agent with every capability
    And the agent has reported its full status
    When the agent reports a configuration of 524288 bytes
    Then the report is answered, or refused as too large

  @transport.http @MUST @response.must-respond.half-megabyte-in-gzip
  Scenario: A report of half a megabyte that is compressed is answered
    Given an agent with every capability
    And the agent has reported its full status
    When the agent reports a configuration of 524288 bytes compressed with gzip
    Then the report is answered, or refused as too large

  @MUST @response.no-error-on-success.with-part
  Scenario Outline: A message with <part> is processed without an error
    Given an agent with every capability
    And the agent has reported its full status
    When the agent sends a message with <part>
    Then the message is accepted

    Examples:
      | part                                  |
      | a configuration in TOML               |
      | a large configuration                 |
      | a package that waits                  |
      | a package that is being downloaded    |
      | a package that is being installed     |
      | a package that could not be installed |

  @transport.http @MUST @response.no-error-on-success.disconnect
  Scenario: The last message of an agent is processed without an error
    Given an agent that has reported its full status
    When the agent disconnects
    Then the message is accepted

  @transport.websocket @MUST @response.must-respond.disconnect
  Scenario: The last message of an agent is answered, or the server closes the WebSocket
    Given an agent that has reported its full status
    When the agent disconnects
    Then the server answers, or closes the WebSocket

  @implied @response.ack-only-instance-uid
  Scenario: An acknowledgement has no other content
    Given an agent that has reported its full status
    When the agent checks in
    Then the response is a bare acknowledgement
