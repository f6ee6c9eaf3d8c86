Feature: Offers of connection settings
  Connection settings say where an agent connects: for OpAMP, for its own telemetry, and for other purposes. The
  server offers an agent only the settings that the agent can use.

  Background:
    Given a server that offers connection settings

  Rule: An offer reaches its agent

    @implied @opamp-offer.sent-in-opamp
    Scenario: Settings for OpAMP are offered
      Given an agent with every capability
      And the agent has reported its full status
      When the operator offers the agent settings for OpAMP
      And the agent receives the next message
      Then settings for OpAMP are offered

    @implied @own-telemetry.offer-shape
    Scenario Outline: Settings for <signal> are offered
      Given an agent with every capability
      And the agent has reported its full status
      When the operator offers the agent settings for <signal>
      And the agent receives the next message
      Then settings for <signal> are offered

      Examples:
        | signal      |
        | own metrics |
        | own traces  |
        | own logs    |

    @SHOULD @own-telemetry.offer-on-first.every-signal
    Scenario: An agent is offered settings for each signal that the server offers to agents with one signal
      Given an agent with every capability
      And settings for the signals of own telemetry are defined for the agent
      When the agent reports its full status
      Then each of these signals has settings in the answer

    @implied @other-settings.offer-shape
    Scenario: Settings for another connection are offered
      Given an agent with every capability
      And the agent has reported its full status
      When the operator offers the agent settings for another connection
      And the agent receives the next message
      Then settings for another connection are offered

    @implied @registration.server-offers-immediately
    Scenario: Settings for OpAMP that were defined before the agent reports are in the first answer
      Given an agent with every capability
      And the operator has defined settings for OpAMP for the agent
      When the agent reports its full status
      Then settings for OpAMP are offered

    @SHOULD @own-telemetry.offer-on-first.defined-before
    Scenario: Settings for own metrics that were defined before the agent reports are in the first answer
      Given an agent with every capability
      And the operator has defined settings for own metrics for the agent
      When the agent reports its full status
      Then settings for own metrics are offered

  Rule: An agent is offered only what it can use

    @implied @connection-settings.capability.opamp
    Scenario: An agent that does not accept settings for OpAMP is offered none
      Given an agent with every capability but AcceptsOpAMPConnectionSettings
      And the agent has reported its full status
      When the operator offers the agent settings for OpAMP
      And the agent checks in
      Then no settings for OpAMP are offered

    @implied @connection-settings.capability.own-metrics
    Scenario: An agent that does not report own metrics is offered no settings for them
      Given an agent with every capability but ReportsOwnMetrics
      And the agent has reported its full status
      When the operator offers the agent settings for own metrics
      And the agent checks in
      Then no settings for own metrics are offered

    @implied @connection-settings.capability.own-traces
    Scenario: An agent that does not report own traces is offered no settings for them
      Given an agent with every capability but ReportsOwnTraces
      And the agent has reported its full status
      When the operator offers the agent settings for own traces
      And the agent checks in
      Then no settings for own traces are offered

    @implied @connection-settings.capability.own-logs
    Scenario: An agent that does not report own logs is offered no settings for them
      Given an agent with every capability but ReportsOwnLogs
      And the agent has reported its full status
      When the operator offers the agent settings for own logs
      And the agent checks in
      Then no settings for own logs are offered

    @implied @connection-settings.capability.other
    Scenario: An agent that does not accept other connections is offered none
      Given an agent with every capability but AcceptsOtherConnectionSettings
      And the agent has reported its full status
      When the operator offers the agent settings for another connection
      And the agent checks in
      Then no settings for another connection are offered
