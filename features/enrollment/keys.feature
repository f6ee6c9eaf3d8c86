@contract.fleet @transport.http
Feature: Keys that must not enroll
  An enrollment key says which agents may join the fleet, and with which policy. Other keys of the same store, and keys
  that were retired, are not for that. The store knows such keys, so it is not enough that a key exists.

  Background:
    Given a server that requires credentials
    And an unknown agent

  @MUST @fleet.enrollment-key.ordinary
  Scenario: A key that is no enrollment key
    Given an API key that is no enrollment key
    When the agent reports its full status with that key
    Then the request is refused

  @MUST @fleet.enrollment-key.retired
  Scenario: An enrollment key that was retired
    Given an enrollment key that was retired
    When the agent reports its full status with that key
    Then the request is refused
