Feature: The hash of connection settings
  An agent reports the hash of the last settings it received. The server compares it, and offers the settings again
  only if the hash differs.

  Background:
    Given a server that offers connection settings
    And an agent with every capability
    And the agent has reported its full status
    And the agent has applied settings for own metrics

  @MUST @connection-status.server-offers-on-mismatch.applied
  Scenario: An agent with other settings is offered the right ones
    When the agent reports that it has applied other settings
    Then settings for own metrics are offered

  @MUST @connection-status.server-offers-on-mismatch.applying
  Scenario: An agent that is applying other settings is offered the right ones
    When the agent reports that it is applying other settings
    Then settings for own metrics are offered

  @MUST @connection-status.server-offers-on-mismatch.failed
  Scenario: An agent that has failed to apply other settings is offered the right ones
    When the agent reports that it has failed to apply other settings
    Then settings for own metrics are offered

  @SHOULD @connection-status.server-compares-hash
  Scenario: An agent that has lost its settings is offered them again
    When the agent reports that it has no settings
    Then settings for own metrics are offered

  @SHOULD-NOT @own-telemetry.no-offer-if-unchanged.failed
  Scenario: Settings that the agent has failed to apply are not offered again
    When the agent reports that it has failed to apply the settings
    Then no connection settings are offered

  @SHOULD-NOT @own-telemetry.no-offer-if-unchanged.applied
  Scenario: Settings that the agent has applied are not offered again
    When the agent checks in
    Then no connection settings are offered

  @SHOULD @own-telemetry.offer-on-change
  Scenario: A new destination is offered
    When the operator offers the agent settings for own metrics at another host
    And the agent receives the next message
    Then settings for own metrics are offered

  @implied @offers.hash-covers-all.headers
  Scenario: Settings with other headers have another hash
    When the operator offers the agent the settings with other headers
    And the agent receives the next message
    Then the settings have another hash than before

  @implied @offers.hash-covers-all.another-kind
  Scenario: Settings of another kind that are added make another hash
    When the operator offers the agent settings for own logs, too
    And the agent receives the next message
    Then the settings have another hash than before

  @implied @offers.hash-covers-all.endpoint
  Scenario: Other settings have another hash
    When the operator offers the agent settings for own metrics at another host
    And the agent receives the next message
    Then the settings have another hash than before

  @transport.websocket @SHOULD-NOT @own-telemetry.no-offer-if-unchanged.reconnected
  Scenario: Settings that the agent has applied are not offered again on a new connection
    Given the agent has closed its connection
    When the agent checks in
    Then no connection settings are offered
