Feature: The instance_uid of a response
  Several agents can share a connection, and an agent can change its instance_uid. So a response has the
  instance_uid of the agent that it is for.

  @MUST @identification.s2a-matches.first-report
  Scenario: The answer to a first report is addressed to its sender
    Given an unknown agent
    When the agent reports its full status
    Then the response echoes the instance_uid of the request

  @MUST @identification.s2a-matches.check-in
  Scenario: The answer to a check-in is addressed to its sender
    Given an agent that has reported its full status
    When the agent checks in
    Then the response echoes the instance_uid of the request

  @MUST @identification.s2a-matches.new-instance-uid
  Scenario: The answer that announces a new instance_uid is addressed to its sender
    Given an unknown agent
    When the agent reports its full status with the RequestInstanceUid flag
    Then the response echoes the instance_uid of the request

  @implied @identification.any-uid
  Scenario: An instance_uid need not be a UUID
    Given an unknown agent whose instance_uid is no UUID
    When the agent reports its full status
    Then the server answers without an error

  @MUST @identification.s2a-matches.at-once
  Scenario: Agents that report at once each receive their own answer
    Given 8 unknown agents
    When the agents report their full status at once
    Then each response echoes the instance_uid of its request

  @MUST @identification.s2a-matches.uid-length
  Scenario Outline: The error about an instance_uid of <length> bytes is addressed to that instance_uid
    Given an agent that has reported its full status
    When the agent reports its full status with an instance_uid of <length> bytes
    Then an error with an instance_uid is addressed to its sender

    Examples:
      | length |
      | 8      |
      | 15     |
      | 17     |
      | 26     |

  @transport.websocket @MUST @identification.s2a-matches.push
  Scenario: An unsolicited message is addressed to its agent
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    When the operator offers the agent a configuration
    And the agent receives the next message
    Then the response echoes the instance_uid of the request

  @transport.websocket @implied @identification.multiplex.reports
  Scenario: Agents that share a WebSocket each receive their own answer
    Given an agent that has reported its full status
    When 3 other agents report their full status on the agent's WebSocket
    Then each response echoes the instance_uid of its request

  @transport.websocket @implied @identification.multiplex.without-waiting
  Scenario: Agents that share a WebSocket and send at the same time each receive their own answer
    Given an agent that has reported its full status
    And another agent has reported its full status on the agent's WebSocket
    When both agents check in without waiting
    Then each of the agents receives its own answer

  @transport.websocket @SHOULD @remote-config.server-compares-hash.shared
  @own-telemetry.offer-on-first @package-status.server-compares-hash
  Scenario: Agents that share a WebSocket are offered the same
    Given 2 agents with every capability
    And the operator has defined offers of every kind for the agents
    When the agents report their full status on one WebSocket
    Then the agents are offered the same

  @transport.websocket @implied @identification.multiplex.heartbeat
  Scenario: An agent on a shared WebSocket that sends only its instance_uid receives its own answer
    Given an agent that has reported its full status
    And another agent has reported its full status on the agent's WebSocket
    When the agent sends only its instance_uid
    Then the response echoes the instance_uid of the request

  @transport.websocket @implied @identification.multiplex.push-to-the-first
  Scenario: An offer for the agent that did not report last is addressed to it
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And another agent has reported its full status on the agent's WebSocket
    When the operator offers the agent a configuration
    And the agent receives the next message
    Then the response is addressed to the agent

  @transport.websocket @implied @identification.multiplex.push
  Scenario: An offer for one of two agents that share a WebSocket is addressed to it
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And another agent has reported its full status on the agent's WebSocket
    When the operator offers the other agent a configuration
    And the other agent receives the next message
    Then the response is addressed to the other agent
