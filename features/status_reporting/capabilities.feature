Feature: The capabilities of the server
  Agents send a server only what it can process. So the server announces its capabilities first.

  @MUST @capabilities.server.first-message
  Scenario: The first response has the server's capabilities
    Given an unknown agent
    When the agent reports its full status
    Then the response has the server's capabilities

  @MUST @capabilities.server.accepts-status-bit
  Scenario: The server announces that it accepts status reports
    Given an agent that has received the server's capabilities
    Then AcceptsStatus is among the server's capabilities

  @MUST @capabilities.server.undefined-bits-zero
  Scenario: The server announces only capabilities that the specification defines
    Given an agent that has received the server's capabilities
    Then the server's capabilities are all defined
