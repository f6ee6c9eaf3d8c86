Feature: Messages that went missing
  Agents leave out of a report what has not changed. A server that misses a message would miss a
  change, so it asks for everything as soon as sequence_num shows a gap.

  Background:
    Given an agent that has reported its full status

  @MUST @sequence.server-requests-omitted @sequence.server-report-full-state
  Scenario: A message is missing
    When the agent checks in after 1 lost message
    Then the server asks for the full state

  @MUST @sequence.server-requests-omitted @sequence.server-report-full-state
  Scenario: Many messages are missing
    When the agent checks in after 1000 lost messages
    Then the server asks for the full state

  @MUST @sequence.server-requests-omitted @sequence.server-report-full-state
  Scenario: A sequence number comes again
    When the agent checks in with the sequence number it had before
    Then the server asks for the full state

  @MUST @sequence.server-requests-omitted @sequence.server-report-full-state
  Scenario: Sequence numbers go back
    Given the agent has checked in 3 times
    When the agent checks in with the sequence number 2
    Then the server asks for the full state

  @MUST @sequence.server-requests-omitted @sequence.server-report-full-state
  Scenario: A restarted agent counts from the start
    Given the agent has checked in 3 times
    When the agent checks in with the sequence number 0
    Then the server asks for the full state
