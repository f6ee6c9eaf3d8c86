@agent
Feature: The connections of an agent
  The server knows by its connection, or by its polls, that an agent is alive. An agent says goodbye when it stops, and
  comes back when a connection breaks.

  @transport.websocket @MUST @disconnect.last-message @disconnect.ws-client-message-first.stop
  Scenario: An agent that stops says goodbye
    Given an agent that has reported
    When the agent is asked to stop
    Then the agent's last message has agent_disconnect

  @transport.websocket @MUST @disconnect.last-message.after-reconnect
  Scenario: An agent that stops says goodbye on a later connection, too
    Given an agent that has reported
    When the connection of the agent breaks
    And the server asks for the agent's full state
    And the agent is asked to stop
    Then the agent's last message has agent_disconnect

  @transport.websocket @MUST @disconnect.ws-client-close-frame
  Scenario: An agent that stops closes its WebSocket
    Given an agent that has reported
    When the agent is asked to stop
    Then the agent ends the connection with a Close frame

  @transport.http @SHOULD @disconnect.http-send
  Scenario: An agent that stops says goodbye over plain HTTP, too
    Given an agent that has reported
    When the agent is asked to stop
    Then the agent's last message has agent_disconnect

  @transport.websocket @SHOULD @duplicate.one-connection.idle
  Scenario: An agent has no other connection beside the one that it reports on
    Given an agent that has reported
    When the server asks for the agent's full state
    Then the agent has one open connection

  @transport.websocket @implied @disconnect.ws-server-close.client-completes
  Scenario: An agent completes the closing handshake of the server
    Given an agent that has reported
    When the server closes the connection
    Then the agent answers with a Close frame

  @transport.websocket @SHOULD @connection.retry.broken
  Scenario: An agent connects again after its connection broke
    Given an agent that has reported
    When the connection of the agent breaks
    Then the agent connects again

  @SHOULD @connection.retry.garbage
  Scenario: An agent survives an answer that is no ServerToAgent
    Given an agent that has reported
    When the server answers the agent with bytes that are no ServerToAgent
    Then the agent still reports its full state

  @transport.http @MUST @http.poll
  Scenario: An agent polls without being asked
    Given an agent that has reported
    Then the agent sends a message without being asked

  Rule: The server chooses the interval of heartbeats

    @transport.websocket @MUST @heartbeat.use-offered-interval @heartbeat.every-period.offered
    Scenario: An agent sends heartbeats at the offered interval
      Given an agent with the capability ReportsHeartbeat
      And the agent has the capability AcceptsOpAMPConnectionSettings
      When the server offers a heartbeat interval of 1 second
      Then the agent sends a heartbeat every 1 second

    @transport.websocket @MUST @heartbeat.every-period.after-reconnect
    Scenario: An agent sends heartbeats on a new connection, too
      Given an agent with the capability ReportsHeartbeat
      And the agent has the capability AcceptsOpAMPConnectionSettings
      When the server offers a heartbeat interval of 1 second
      And the agent sends a heartbeat every 1 second before its connection breaks
      Then the agent sends a heartbeat every 1 second

    @transport.http @MUST @heartbeat.http-poll-interval
    Scenario: An agent polls at the offered interval
      Given an agent with the capability ReportsHeartbeat
      And the agent has the capability AcceptsOpAMPConnectionSettings
      When the server offers a heartbeat interval of 1 second
      Then the agent sends a heartbeat every 1 second

    @transport.http @SHOULD @http.poll.uses-heartbeat-interval
    Scenario: An agent that accepts settings polls at their interval
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers a heartbeat interval of 1 second
      Then the agent sends a heartbeat every 1 second

    @implied @heartbeat.count-from-last-message
    Scenario: An agent does not send heartbeats more often than at the interval that it was offered last
      Given an agent with the capability ReportsHeartbeat
      And the agent has the capability AcceptsOpAMPConnectionSettings
      And the agent has accepted a heartbeat interval of 1 second
      When the server offers a heartbeat interval of 3 seconds, and asks for the full state now and then
      Then the agent's heartbeats come no sooner than 3 seconds after another message

    @MUST @heartbeat.instance-uid-set
    Scenario: Each heartbeat says which agent it is from
      Given an agent with the capability ReportsHeartbeat
      And the agent has the capability AcceptsOpAMPConnectionSettings
      When the server offers a heartbeat interval of 1 second
      Then each heartbeat has the instance_uid of the agent

    @transport.websocket @implied @heartbeat.zero-disables
    Scenario: An agent sends no heartbeats if the server turns them off
      Given an agent with the capability ReportsHeartbeat
      And the agent has the capability AcceptsOpAMPConnectionSettings
      When the server turns the heartbeats off
      Then the agent sends no heartbeats
