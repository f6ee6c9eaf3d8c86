@transport.websocket
Feature: Two agents with one instance_uid
  Cloned machines start with the same instance_uid. As soon as both are connected the server can tell, and
  gives one of them another.

  Background:
    Given an agent that has reported its full status

  @SHOULD @duplicate.server-detects
  Scenario: A clone on a second WebSocket is noticed
    When a clone of the agent reports its full status on a WebSocket of its own
    Then the clone is given a new_instance_uid, or turned away

  @SHOULD @duplicate.server-new-uid
  Scenario: A clone on a second WebSocket is given an instance_uid of its own
    When a clone of the agent reports its full status on a WebSocket of its own
    Then an instance_uid is announced
