Feature: What a server says it can do
  Agents send a server only what it can take, so it has to say that first.

  @MUST @capabilities.server.first-message
  Scenario: The first response says what the server can do
    Given an unknown agent
    When the agent reports its full status
    Then the response carries the server's capabilities

  @MUST @capabilities.server.accepts-status-bit
  Scenario: A server accepts status reports
    Given an agent that was told the server's capabilities
    Then AcceptsStatus is among the server's capabilities

  @MUST @capabilities.server.undefined-bits-zero
  Scenario: A server claims no capability that the specification does not know
    Given an agent that was told the server's capabilities
    Then the server's capabilities are all defined
