@transport.websocket
Feature: Two agents with the same instance_uid
  Cloned machines start with the same instance_uid. As soon as both are connected, the server can detect it, and
  gives one of them a new instance_uid.

  Background:
    Given an agent that has reported its full status

  @SHOULD @duplicate.server-detects.check-in
  Scenario: The server detects a clone that only checks in
    When a clone of the agent checks in on another WebSocket
    Then the clone receives a new_instance_uid, or is refused

  @SHOULD @duplicate.server-detects.report
  Scenario: The server detects a clone on a second WebSocket
    When a clone of the agent reports its full status on another WebSocket
    Then the clone receives a new_instance_uid, or is refused

  @SHOULD @duplicate.server-detects.shared
  Scenario: The server detects a clone on the WebSocket of another agent
    Given another agent has reported its full status on a WebSocket of its own
    When a clone of the agent reports its full status on the other agent's WebSocket
    Then the clone receives a new_instance_uid, or is refused

  @SHOULD @duplicate.server-new-uid
  Scenario: A clone on a second WebSocket receives a new instance_uid
    When a clone of the agent reports its full status on another WebSocket
    Then an instance_uid is announced

  @SHOULD @duplicate.server-detects.third
  Scenario: The server detects a second clone, too
    Given a clone of the agent has reported its full status on another WebSocket
    When a second clone of the agent reports its full status on a third WebSocket
    Then the clone receives a new_instance_uid, or is refused
