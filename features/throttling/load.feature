@disruptive
Feature: High load
  After an outage, all agents of a fleet come back at once, and some reports are large. A server may ask them to
  retry later, but it must answer. Get permission before you run this on a shared server.

  Background:
    Given an agent that has reported its full status

  @MUST @response.must-respond.at-once
  Scenario: Each of many agents that report at once is answered
    Given 100 unknown agents
    When the agents report their full status at once
    Then the server answers each message

  @MUST @response.must-respond.large-report
  Scenario: A report of one megabyte is answered
    When the agent reports a configuration of 1048576 bytes
    Then the report is answered, or refused as too large
