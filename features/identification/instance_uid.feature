Feature: The instance_uid of a response
  Several agents may share a connection, and an agent may change its instance_uid. A response
  therefore says to whom it speaks.

  @MUST @identification.s2a-matches
  Scenario: A first report is answered to its sender
    Given an unknown agent
    When the agent reports its full status
    Then the response echoes the instance_uid of the request

  @MUST @identification.s2a-matches
  Scenario: A check-in is answered to its sender
    Given an agent that has reported its full status
    When the agent checks in
    Then the response echoes the instance_uid of the request

  @MUST @identification.s2a-matches
  Scenario: Agents that report at once are each answered by name
    Given 8 unknown agents
    When the agents report their full status at once
    Then each response echoes the instance_uid of its request

  @MUST @identification.s2a-matches
  Scenario Outline: The error about an instance_uid of <length> bytes is addressed to that instance_uid
    Given an agent that has reported its full status
    When the agent reports its full status under an instance_uid of <length> bytes
    Then an error that names an agent names the sender

    Examples:
      | length |
      | 8      |
      | 15     |
      | 17     |
      | 26     |

  @transport.websocket @MUST @identification.s2a-matches
  Scenario: What the server says of its own accord names the agent it is for
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    When the operator offers the agent a configuration
    And the agent hears from the server
    Then the response echoes the instance_uid of the request

  @transport.websocket @implied @identification.multiplex
  Scenario: Agents that share a WebSocket are each answered by name
    Given an agent that has reported its full status
    When 3 other agents report their full status on the agent's WebSocket
    Then each response echoes the instance_uid of its request
