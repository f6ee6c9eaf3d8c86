Feature: Processing of reports
  The server keeps what an agent has reported, because agents leave out what has not changed.

  @MUST @capabilities.server.accepts-status
  Scenario: The server accepts status reports
    Given an unknown agent
    When the agent reports its full status
    Then the message is accepted

  @implied @response.ack-when-nothing
  Scenario: A server with nothing to send acknowledges the message
    Given an agent that has reported its full status
    When the agent checks in
    Then the server answers with a ServerToAgent

  @implied @error.bad-request-only-as-reply.custom-message
  Scenario: A custom message that the server cannot use is not answered with BadRequest
    Given an agent that has reported its full status
    When the agent sends a custom message of an unknown capability
    Then the answer is not BadRequest

  @implied @error.bad-request-only-as-reply.check-in
  Scenario: A well-formed message is not answered with BadRequest
    Given an agent that has reported its full status
    When the agent checks in
    Then the answer is not BadRequest

  @implied @error.unavailable-means-overload
  Scenario: A server that is not overloaded does not answer with Unavailable
    Given an agent that has reported its full status
    When the agent checks in
    Then the answer is not Unavailable

  @implied @message.process-fields.configuration
  Scenario: The server knows the configuration that was reported
    Given a server with a control plane
    And an agent with every capability
    When the agent reports its full status
    Then the server knows the configuration of the agent

  @implied @message.process-fields.packages
  Scenario: The server knows the packages that were reported
    Given a server with a control plane
    And an agent with every capability
    And the agent has reported its full status
    When the agent reports the package "collector"
    Then the server knows the package "collector" of the agent

  @implied @message.process-fields.replaced
  Scenario: A new description replaces the one before
    Given a server with a control plane
    And an agent with attributes of each kind
    When the agent reports its full status
    Then the server no longer knows the attribute "kind.text" of the agent

  @implied @message.process-fields.health
  Scenario: The server knows the health that was reported
    Given a server with a control plane
    And an agent that has reported its full status
    When the agent reports that it is unhealthy
    Then the server knows that the agent is unhealthy

  @implied @compression.server-keeps-state
  Scenario: The server still knows what a report leaves out
    Given a server with a control plane
    And an agent that has reported its full status
    When the agent reports that it is unhealthy
    Then the server knows the description of the agent

  @implied @effective-config.server-not-expecting
  Scenario: An agent that does not report its configuration is not asked for it
    Given an agent with every capability but ReportsEffectiveConfig
    And the agent has reported its full status
    And the agent has checked in and was not asked for the full state
    When the agent reports its full status
    Then the server does not ask for the full state

  @implied @health.attributes
  Scenario: The server accepts the health of a component with attributes
    Given an agent that has reported its full status
    And the agent has checked in 1 time
    When the agent reports the health of a component with attributes
    Then the server answers without an error

  @implied @health.nesting
  Scenario: The server accepts the health of components inside components
    Given an agent that has reported its full status
    And the agent has checked in 1 time
    When the agent reports the health of components nested 20 levels deep
    Then the server answers without an error
