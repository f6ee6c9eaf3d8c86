Feature: Custom messages
  Server and agent can exchange messages that the specification does not define, after both have announced the same
  custom capability.

  Rule: Both sides announce their custom capabilities

    @implied @custom.signal-support
    Scenario: The server sends a custom message for a capability that it has announced
      Given a server with a custom capability
      And an agent that has the server's custom capability
      And the agent has reported its full status
      When the operator sends the agent a custom message
      And the agent receives the next message
      Then the custom message arrives

    @implied @custom.reverse-fqdn
    Scenario: The names of the server's custom capabilities are reverse FQDNs
      Given a server that announces custom capabilities
      Then the names of the server's custom capabilities are reverse FQDNs

    @implied @custom.only-on-change
    Scenario: Custom capabilities are not repeated
      Given an agent that has reported its full status
      When the agent checks in
      Then the message has no custom capabilities

  Rule: An agent receives no custom message for a capability that it lacks

    @implied @custom.capability-matches.another
    Scenario: An agent with another custom capability receives no custom message
      Given a server with a custom capability
      And an agent that has the custom capability "io.example.nonesuch"
      And the agent has reported its full status
      When the operator sends the agent a custom message
      And the agent checks in
      Then no custom message arrives

    @implied @custom.none-by-default
    Scenario: An agent that has announced no custom capabilities receives no custom message
      Given a server with a custom capability
      And an agent with every capability
      And the agent has reported its full status
      When the operator sends the agent a custom message
      And the agent checks in
      Then no custom message arrives

    @implied @custom.list-replaces.answer
    Scenario: The custom message of an agent that has withdrawn its custom capabilities is not answered with another
      Given a server that announces custom capabilities
      And an agent that has the server's custom capabilities
      And the agent has reported its full status
      And the agent has withdrawn its custom capabilities
      When the agent sends a custom message of the server's first custom capability
      Then a custom message that arrives is for a custom capability of the agent

    @implied @custom.list-replaces.operator
    Scenario: An agent that has withdrawn a custom capability receives no custom message
      Given a server with a custom capability
      And an agent that has the server's custom capability
      And the agent has reported its full status
      And the agent has withdrawn its custom capabilities
      When the operator sends the agent a custom message
      And the agent checks in
      Then no custom message arrives

    @implied @custom.capability-matches.answer
    Scenario: The answer to a custom message is for the custom capability of both sides
      Given a server that announces custom capabilities
      And an agent that has the server's custom capabilities
      And the agent has reported its full status
      When the agent sends a custom message of the server's first custom capability
      Then a custom message that arrives is for a custom capability of the agent
