Feature: Available components
  An agent first reports a hash of its components. It reports the components themselves if the server asks for them.

  @implied @components.nesting
  Scenario: The server accepts components inside components
    Given an agent with every capability
    And the agent has reported its full status
    And the agent has checked in 1 time
    When the agent reports components nested 20 levels deep
    Then the server answers without an error
