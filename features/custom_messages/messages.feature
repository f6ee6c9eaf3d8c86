Feature: Custom messages
  Server and agent may talk about what the specification does not know, once each has said that it does.

  Rule: Both sides say what they understand

    @implied @custom.signal-support
    Scenario: A custom message comes under a capability that the server has announced
      Given a server with a custom capability
      And an agent that has the server's custom capability
      And the agent has reported its full status
      When the operator sends the agent a custom message
      And the agent hears from the server
      Then the custom message arrives

    @implied @custom.reverse-fqdn
    Scenario: The server's custom capabilities are named by reverse FQDN
      Given a server that announces custom capabilities
      Then the server's custom capabilities are named by reverse FQDN

    @implied @custom.only-on-change
    Scenario: Custom capabilities are not repeated
      Given an agent that has reported its full status
      When the agent checks in
      Then the message has no custom capabilities

  Rule: Nobody is spoken to about what it does not understand

    @implied @custom.capability-matches
    Scenario: An agent with another custom capability is left alone
      Given a server with a custom capability
      And an agent that has the custom capability "io.example.nonesuch"
      And the agent has reported its full status
      When the operator sends the agent a custom message
      And the agent checks in
      Then no custom message arrives

    @implied @custom.none-by-default
    Scenario: An agent that says nothing of custom capabilities has none
      Given a server with a custom capability
      And an agent with every capability
      And the agent has reported its full status
      When the operator sends the agent a custom message
      And the agent checks in
      Then no custom message arrives

    @implied @custom.list-replaces
    Scenario: An agent that has given up a custom capability is left alone
      Given a server with a custom capability
      And an agent that has the server's custom capability
      And the agent has reported its full status
      And the agent has given up its custom capabilities
      When the operator sends the agent a custom message
      And the agent checks in
      Then no custom message arrives
