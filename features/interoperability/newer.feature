Feature: Agents of a newer protocol
  New fields and values are made so that an older peer can ignore them.

  @implied @interop.ignore-unknown-fields
  Scenario: Fields that nobody knows yet are ignored
    Given an agent that has reported its full status
    When the agent reports its full status with fields of a newer protocol
    Then the server answers without an error

  @implied @interop.ignore-unknown-fields
  Scenario: Values of an enumeration that nobody knows yet are ignored
    Given an agent with every capability
    And the agent has reported its full status
    And the agent has checked in 1 time
    When the agent reports a remote configuration status of a newer protocol
    Then the server answers without an error

  @implied @anyvalue.null-valid
  Scenario: An attribute may be null
    Given an agent that has reported its full status
    When the agent describes itself by an attribute that is null
    Then the server answers without an error

  @implied @anyvalue.empty-lists-valid
  Scenario: Attributes may be empty lists
    Given an agent that has reported its full status
    When the agent describes itself by attributes that are empty lists
    Then the server answers without an error
