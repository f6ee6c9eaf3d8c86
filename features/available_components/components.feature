Feature: Available components
  An agent first reports a hash of its components. It reports the components themselves if the server asks for them.

  @implied @flags.report-flags-allowed.components
  Scenario: An agent that has reported its components is not asked for them
    Given an agent with every capability
    When the agent reports its full status with all its components
    Then the server does not ask for the components

  @implied @components.nesting
  Scenario: The server accepts components inside components
    Given an agent with every capability
    And the agent has reported its full status
    And the agent has checked in 1 time
    When the agent reports components nested 20 levels deep
    Then the server answers without an error
