Feature: Reports are taken in
  What an agent reports, the server keeps until it is told otherwise: agents leave out what has not changed.

  @MUST @capabilities.server.accepts-status
  Scenario: A server takes status reports
    Given an unknown agent
    When the agent reports its full status
    Then the message is accepted

  @implied @response.ack-when-nothing
  Scenario: A server with nothing to say acknowledges
    Given an agent that has reported its full status
    When the agent checks in
    Then a ServerToAgent comes back

  @implied @error.bad-request-only-as-reply
  Scenario: A well-formed message is not called malformed
    Given an agent that has reported its full status
    When the agent checks in
    Then the answer is no BadRequest

  @implied @error.unavailable-means-overload
  Scenario: A server that processes reports does not call itself overloaded
    Given an agent that has reported its full status
    When the agent checks in
    Then the answer is not Unavailable

  @implied @message.process-fields
  Scenario: What is reported is known
    Given a server that can be operated
    And an agent that has reported its full status
    When the agent reports that it is unhealthy
    Then the server knows that the agent is unhealthy

  @implied @compression.server-keeps-state
  Scenario: What is left out of a report stays known
    Given a server that can be operated
    And an agent that has reported its full status
    When the agent reports that it is unhealthy
    Then the server knows the description of the agent

  @implied @effective-config.server-not-expecting
  Scenario: An agent that reports no configuration is not asked for one
    Given an agent with every capability but ReportsEffectiveConfig
    And the agent has reported its full status
    When the agent reports its full status
    Then the server does not ask for the full state

  @implied @health.nesting
  Scenario: Health of components in components is taken
    Given an agent that has reported its full status
    And the agent has checked in 1 time
    When the agent reports the health of components nested 20 deep
    Then the server answers without an error
