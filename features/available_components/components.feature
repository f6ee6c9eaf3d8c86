Feature: What an agent is made of
  An agent tells a hash of its components first, and the components themselves if it is asked for them.

  @implied @components.nesting
  Scenario: Components in components are taken
    Given an agent with every capability
    And the agent has reported its full status
    And the agent has checked in 1 time
    When the agent describes components nested 20 deep
    Then the server answers without an error
