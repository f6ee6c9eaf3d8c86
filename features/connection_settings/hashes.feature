Feature: Connection settings are compared by their hash
  An agent reports the hash of the settings it was last offered. By that the server knows whether to offer
  again.

  Background:
    Given a server that offers connection settings
    And an agent with every capability
    And the agent has reported its full status
    And the agent has taken settings for own metrics

  @MUST @connection-status.server-offers-on-mismatch
  Scenario: An agent with other settings is offered the right ones
    When the agent reports that it has applied other settings
    Then settings for own metrics are offered

  @SHOULD @connection-status.server-compares-hash
  Scenario: An agent that has lost its settings is offered them again
    When the agent reports that it has no settings
    Then settings for own metrics are offered

  @SHOULD-NOT @own-telemetry.no-offer-if-unchanged
  Scenario: An agent that has its settings is not offered them again
    When the agent checks in
    Then no connection settings are offered

  @SHOULD @own-telemetry.offer-on-change
  Scenario: A new destination is offered
    When the operator offers the agent settings for own metrics at another host
    And the agent hears from the server
    Then settings for own metrics are offered

  @implied @offers.hash-covers-all
  Scenario: Other settings have another hash
    When the operator offers the agent settings for own metrics at another host
    And the agent hears from the server
    Then the settings have another hash than the ones before
