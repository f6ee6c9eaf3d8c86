@agent
Feature: The components of an agent
  The list of components can be long and changes seldom. So an agent begins with its hash, and sends the list when the
  server asks for it.

  @SHOULD @components.initial-hash @components.reported-if-capable.first
  Scenario: An agent begins with the hash of its components
    Given an agent with the capability ReportsAvailableComponents
    Then the agent's first message has the hash of its components

  @implied @components.initially-no-map
  Scenario: An agent does not send its components unasked
    Given an agent with the capability ReportsAvailableComponents
    Then the agent's first message has no map of components

  @implied @flags.report-available-components.agent @capabilities.agent.available-components-reported.asked
  Scenario: An agent sends its components when the server asks for them
    Given an agent with the capability ReportsAvailableComponents
    When the server asks for the agent's components
    Then the agent answers with the map of its components

  @implied @flags.report-available-components.agent.again
  Scenario: An agent sends its components each time that the server asks for them
    Given an agent with the capability ReportsAvailableComponents
    When the server asks for the agent's components
    And the server asks for the agent's components
    Then the agent answers with the map of its components

  @implied @flags.report-available-components.agent.beside-flag
  Scenario: An agent sends its components when the server asks for its full state, too
    Given an agent with the capability ReportsAvailableComponents
    When the server asks for the agent's components, and for its full state as well
    Then the agent answers with the map of its components

  @SHOULD @components.hash-same-for-same-set.with-map
  Scenario: The map of components has the same hash
    Given an agent with the capability ReportsAvailableComponents
    When the server asks for the agent's components
    Then the map has the hash of the agent's first message

  @SHOULD @components.hash-same-for-same-set
  Scenario: Two agents with the same components have the same hash
    Given an agent with the capability ReportsAvailableComponents
    When another agent is started
    Then both agents have the same hash of their components
