@transport.http
Feature: Credentials that nobody asks for
  A user who gives the suite credentials expects that the server asks for them. A server that accepts everybody needs
  none, so the scenarios about missing and wrong credentials do not concern it.

  @implied @auth.before-upgrade.asked
  Scenario: The server asks for the credentials that the suite was given
    Given a client with credentials
    And an unknown agent
    When the agent reports its full status without credentials, and with wrong ones
    Then one of the reports is refused
