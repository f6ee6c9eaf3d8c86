Feature: Missing messages
  Agents leave out of a report what has not changed. A server that misses a message may miss a change. So it asks
  for the full state as soon as sequence_num shows a gap.

  A server that lacks nothing does not ask: otherwise all agents would report everything all the time.

  Background:
    Given an agent that has reported its full status

  @implied @flags.report-flags-allowed.in-sequence
  Scenario: No message is missing
    When the agent checks in
    Then the server does not ask for the full state

  @implied @flags.report-flags-allowed.full-report
  Scenario: A full report is in sequence
    When the agent reports its full status
    Then the server does not ask for the full state

  @transport.websocket @implied @flags.report-flags-allowed.another-connection
  Scenario: No message is missing on another WebSocket
    Given the agent has closed its connection
    When the agent checks in
    Then the server does not ask for the full state

  @implied @flags.report-flags-allowed.another-transport
  Scenario: No message is missing over the other transport
    When the agent checks in over the other transport
    Then the server does not ask for the full state

  @implied @flags.report-flags-allowed.after-gap
  Scenario: The agent has reported its full status after a gap
    Given the agent has checked in after 1 lost message
    And the agent has reported its full status
    When the agent checks in
    Then the server does not ask for the full state

  @MUST @sequence.server-report-full-state.one-missing @sequence.server-requests-omitted
  Scenario: One message is missing
    When the agent checks in after 1 lost message
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.many-missing @sequence.server-requests-omitted
  Scenario: Many messages are missing
    When the agent checks in after 1000 lost messages
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.very-many-missing @sequence.server-requests-omitted
  Scenario: More messages are missing than a number of 32 bits can count
    When the agent checks in after 4294967296 lost messages
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.second-gap @sequence.server-requests-omitted
  Scenario: A message is missing once more
    Given the agent has checked in after 1 lost message
    And the agent has reported its full status
    When the agent checks in after 1 lost message
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.with-description @sequence.server-requests-omitted
  Scenario: The message after the gap describes the agent, and leaves out the rest
    When the agent sends a message with a description after 1 lost message
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.with-health @sequence.server-requests-omitted
  Scenario: The message after the gap has the health of the agent, and leaves out the rest
    When the agent sends a message with the health of the agent after 1 lost message
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.with-components-hash @sequence.server-requests-omitted
  Scenario: The message after the gap has only the hash of the components
    Given an agent with every capability
    And the agent has reported its full status
    When the agent sends a message with the hash of the same components after 1 lost message
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.with-custom-message @sequence.server-requests-omitted
  Scenario: The message after the gap has a custom message
    When the agent sends a message with a custom message after 1 lost message
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.with-part @sequence.server-requests-omitted
  Scenario Outline: The message after the gap has <part>, and leaves out the rest
    Given an agent with every capability
    And the agent has reported its full status
    When the agent sends a message with <part> after 1 lost message
    Then the server asks for the full state

    Examples:
      | part                                  |
      | a configuration                       |
      | a package that is being installed     |
      | the status of its configuration       |
      | the status of its connection settings |
      | custom capabilities                   |
      | the hash of other components          |
      | a certificate request                 |

  @MUST @sequence.server-report-full-state.with-known-custom-message @sequence.server-requests-omitted
  Scenario: The message after the gap has a custom message that the server may answer
    Given a server that announces custom capabilities
    And an agent that has the server's custom capabilities
    And the agent has reported its full status
    When the agent sends a custom message of the server's first custom capability after 1 lost message
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.after-refusal @sequence.server-requests-omitted
  Scenario: The message after the gap is refused, so the server asks in its next answer
    Given a server that issues certificates
    And an agent with every capability
    And the agent has reported its full status
    And the agent's malformed certificate request after 1 lost message was refused
    When the agent checks in
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.many-agents @sequence.server-requests-omitted
  Scenario: The message after the gap comes after those of many other agents
    Given 40 other agents have reported their full status
    When the agent sends a message with a description after 1 lost message
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.new-instance-uid @sequence.server-requests-omitted
  Scenario: The message after the gap is the first one under a new instance_uid
    Given the agent has received a new instance_uid, and uses it
    When the agent checks in after 1 lost message
    Then the server asks for the full state

  @transport.http @MUST @sequence.server-report-full-state.with-offer @sequence.server-requests-omitted
  Scenario: The answer to the message after the gap has an offer, too
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And the operator has defined a configuration for the agent
    When the agent checks in after 1 lost message
    Then the server asks for the full state

  @transport.http @MUST @sequence.server-report-full-state.compressed @sequence.server-requests-omitted
  Scenario: The message after the gap is compressed
    Given the agent has reported its full status compressed with gzip
    When the agent checks in compressed with gzip after 1 lost message
    Then the server asks for the full state

  @transport.websocket @MUST @sequence.server-report-full-state.another-connection @sequence.server-requests-omitted
  Scenario: The message after the gap is the first one on another WebSocket
    Given the agent has closed its connection
    When the agent checks in after 1 lost message
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.another-transport @sequence.server-requests-omitted
  Scenario: The message after the gap is the first one over the other transport
    When the agent checks in over the other transport after 1 lost message
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.unknown-agent @sequence.server-requests-omitted
  Scenario: The server knows none of the earlier messages of an agent
    Given an unknown agent
    When the agent checks in after 5 lost messages
    Then the server asks for the full state

  @transport.http @MUST @sequence.server-report-full-state.unknown-compressed @sequence.server-requests-omitted
  Scenario: The first message that the server gets of an agent is compressed
    Given an unknown agent
    When the agent checks in compressed with gzip after 5 lost messages
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.large-number @sequence.server-requests-omitted
  Scenario: The sequence number is larger than a signed number of 64 bits
    When the agent checks in with the sequence number 9223372036854775808
    Then the server asks for the full state

  @MUST @sequence.server-report-full-state.similar-agent @sequence.server-requests-omitted
  Scenario: An agent whose instance_uid differs only in its last bit is another agent
    Given the agent has checked in 3 times
    When an agent with nearly the same instance_uid checks in with the next sequence number
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
