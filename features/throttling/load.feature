@disruptive
Feature: More than usual
  A fleet that comes back after an outage comes all at once, and some agents have a lot to say. A server may
  ask them to come later, but not leave them without an answer. On a server that others depend on, this
  takes leave.

  Background:
    Given an agent that has reported its full status

  @MUST @response.must-respond
  Scenario: Agents that come all at once are each answered
    Given 100 unknown agents
    When the agents report their full status at once
    Then the server answers each of them

  @MUST @response.must-respond
  Scenario: A report of a megabyte is answered
    When the agent reports a configuration of 1048576 bytes
    Then the report is answered, or refused as too large
