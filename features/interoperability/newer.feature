Feature: Agents of a newer protocol version
  An older peer must be able to ignore the fields and values that a newer version of the protocol adds.

  @implied @interop.ignore-unknown-fields.fields
  Scenario: The server ignores unknown fields
    Given an agent that has reported its full status
    When the agent reports its full status with fields of a newer protocol
    Then the server answers without an error

  @implied @interop.ignore-unknown-fields.values
  Scenario: The server ignores unknown values of an enumeration
    Given an agent with every capability
    And the agent has reported its full status
    And the agent has checked in 1 time
    When the agent reports a remote configuration status of a newer protocol
    Then the server answers without an error

  @implied @interop.ignore-unknown-fields.capabilities
  Scenario: The server ignores unknown capabilities
    Given an agent that has reported its full status
    When the agent reports its full status with a capability of a newer protocol
    Then the server answers without an error

  @implied @interop.ignore-unknown-fields.offers
  Scenario: An agent with an unknown capability receives the same offers as others
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And the agent has received a configuration
    And an agent with every capability, and one of a newer protocol
    And the operator has defined a configuration for the agent
    When the agent reports its full status
    Then the agent is offered a configuration

  @implied @interop.ignore-unknown-fields.flags
  Scenario: The server ignores unknown flags
    Given an agent that has reported its full status
    When the agent reports its full status with an unknown flag
    Then the server answers without an error

  @implied @anyvalue.kinds
  Scenario: Attributes may be of each kind
    Given an agent that has reported its full status
    When the agent describes itself with attributes of each kind
    Then the server answers without an error

  @implied @anyvalue.null-valid
  Scenario: An attribute may be null
    Given an agent that has reported its full status
    When the agent describes itself with an attribute that is null
    Then the server answers without an error

  @implied @anyvalue.empty-lists-valid
  Scenario: Attributes may be empty lists
    Given an agent that has reported its full status
    When the agent describes itself with attributes that are empty lists
    Then the server answers without an error
