Feature: Missing messages
  Agents leave out of a report what has not changed. A server that misses a message may miss a change. So it asks
  for the full state as soon as sequence_num shows a gap.

  Background:
    Given an agent that has reported its full status

  @MUST @sequence.server-report-full-state.one-missing @sequence.server-requests-omitted
  Scenario: One message is missing
    When the agent checks in after 1 lost message
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.many-missing @sequence.server-requests-omitted
  Scenario: Many messages are missing
    When the agent checks in after 1000 lost messages
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.repeated @sequence.server-requests-omitted
  Scenario: A sequence number is repeated
    When the agent checks in with the same sequence number again
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.backwards @sequence.server-requests-omitted
  Scenario: Sequence numbers go backwards
    Given the agent has checked in 3 times
    When the agent checks in with the sequence number 2
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.restarted @sequence.server-requests-omitted
  Scenario: A restarted agent counts from the start
    Given the agent has checked in 3 times
    When the agent checks in with the sequence number 0
    Then the server asks for the full state
