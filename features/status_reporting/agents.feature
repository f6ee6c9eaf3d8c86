@agent
Feature: The status reports of an agent
  The server knows of an agent what the agent reports. So an agent begins with everything, and reports everything again
  when the server asks for it. In between, it reports only what has changed.

  @MUST @status.first-report.start @status.first-report.is-first-message @capabilities.agent.reports-status
  Scenario: An agent begins with a full report
    Given an agent that has reported
    Then the agent's first message is a full report

  @implied @flags.report-full-state.agent
  Scenario: An agent reports its full state when the server asks for it
    Given an agent that has reported
    When the server sends the agent a message that asks for nothing
    Then the agent still reports its full state

  @implied @flags.report-full-state.complete
  Scenario: An agent's full report has every part that its first report had
    Given an agent that has reported
    When the server asks for the agent's full state
    Then the report has each part of the agent's first report

  @implied @flags.report-full-state.complete.description
  Scenario: An agent's full report describes it as its first report did
    Given an agent that has reported
    When the server asks for the agent's full state
    Then the report has each attribute of the agent's first report

  @implied @flags.report-full-state.agent.beside-flag
  Scenario: An agent reports its full state when the server asks for its components at once
    Given an agent that has reported
    When the server asks for the agent's full state and its components at once
    Then the agent answers with a full report

  @implied @flags.report-full-state.agent.after-error
  Scenario: An agent goes on after an Unknown error
    Given an agent that has reported
    When the server answers the agent's full report with an Unknown error
    Then the agent still reports its full state

  @implied @capabilities.agent.health-reported
  Scenario: An agent that can report its health does so
    Given an agent with the capability ReportsHealth
    When the server asks for the agent's full state
    Then the report has the agent's health

  @implied @capabilities.agent.effective-config-reported
  Scenario: An agent that can report its effective configuration does so
    Given an agent with the capability ReportsEffectiveConfig
    When the server asks for the agent's full state
    Then the report has the agent's effective config

  @implied @health.start-time-unit
  Scenario: The start time of an agent is in nanoseconds
    Given an agent with the capability ReportsHealth
    When the server asks for the agent's full state
    Then the start time in the health is in nanoseconds

  @implied @health.start-time-unit.same
  Scenario: The start time of an agent is the same in each report
    Given an agent with the capability ReportsHealth
    When the server asks for the agent's full state
    Then the start time in the health is that of the first report

  @implied @health.status-time-unit
  Scenario: The time of an agent's health is in nanoseconds
    Given an agent with the capability ReportsHealth
    When the server asks for the agent's full state
    Then the status time in the health is in nanoseconds

  @transport.websocket @implied @sequence.increment.many
  Scenario: An agent numbers its messages one by one
    Given an agent that has reported
    When the server asks for the agent's full state 20 times
    Then each message of the agent has a higher sequence number than the one before

  @transport.websocket @implied @sequence.increment.reconnect
  Scenario: An agent numbers its messages on after a lost connection
    Given an agent that has reported
    When the server asks for the agent's full state 20 times
    And the connection of the agent breaks
    Then the agent's next message has no lower sequence number than the one before

  Rule: A change is reported without being asked for

    @MUST @status.report-on-change
    Scenario: An agent reports that it is not healthy any more
      Given an agent whose driver can change its health
      When the agent becomes unhealthy
      Then the agent reports that it is not healthy

    @MUST @status.report-on-change.unavailable
    Scenario: An agent reports what has changed while the server was not available
      Given an agent whose driver can change its health
      When the server is not available for a while
      And the agent becomes unhealthy
      Then the agent reports that it is not healthy when the server is available again

    @implied @health.healthy-meaning
    Scenario: An agent reports that it is healthy again
      Given an agent whose driver can change its health
      When the agent becomes unhealthy
      And the agent becomes healthy
      Then the agent reports that it is healthy

    @MUST @status.report-on-change.error
    Scenario: An agent that is still not healthy reports another error
      Given an agent whose driver can change its health
      When the agent becomes unhealthy
      And the agent becomes unhealthy for another reason
      Then the agent reports the other error

    @SHOULD @health.last-error
    Scenario: An agent that is not healthy says why
      Given an agent whose driver can change its health
      When the agent becomes unhealthy
      Then the agent reports an error beside its health

    @MUST @compression.changed-part-complete
    Scenario: An agent reports the whole of a part that has changed
      Given an agent whose driver can change its description
      When the agent gets another attribute
      Then the agent reports its whole description

    @MUST @compression.changed-part-complete.health
    Scenario: An agent reports the whole of its health
      Given an agent whose driver can change its health
      When the agent becomes unhealthy
      Then the agent reports its whole health

    @MUST @status.report-on-change.description
    Scenario: An agent reports each change of its description
      Given an agent whose driver can change its description
      When the agent gets another attribute
      And the attribute of the agent changes
      Then the agent reports the changed attribute

  Rule: Nothing is reported without a change

    @MUST-NOT @status.no-report-without-change
    Scenario: A message that asks for nothing is no reason for a report
      Given an agent that has reported
      When the server sends the agent a message that asks for nothing
      Then the agent reports nothing until it is asked

    @MUST-NOT @status.no-report-without-change.custom-message
    Scenario: A custom message is no reason for a report
      Given an agent that has reported
      When the server sends the agent a custom message
      Then the agent reports nothing until it is asked
      And the agent keeps its connection

    @MUST-NOT @status.no-report-without-change.own-custom-message
    Scenario: A custom message that the agent understands is no reason for a report
      Given an agent that has announced a custom capability
      When the server announces that capability, and sends a custom message of it
      Then the agent reports nothing until it is asked

    @SHOULD-NOT @error.unknown-no-retry
    Scenario: A report that got an Unknown error is not sent again
      Given an agent that has reported
      When the server answers the agent's full report with an Unknown error
      Then the agent does not send that report again
