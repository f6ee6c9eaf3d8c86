Feature: The hash of packages
  An agent reports the hash of all packages that it last received. The server compares it, and offers the packages
  again only if the hash differs.

  Background:
    Given a server that offers packages
    And an agent with every capability
    And the agent has reported its full status
    And the agent has applied a package

  @SHOULD @package-status.server-offers-on-mismatch.installed
  Scenario: An agent with other packages is offered the right ones
    When the agent reports that it has other packages
    Then the package is offered again

  @SHOULD @package-status.server-offers-on-mismatch.failed
  Scenario: An agent that failed to install other packages is offered the right ones
    When the agent reports that it has failed to install other packages
    Then the package is offered again

  @SHOULD @package-status.server-compares-hash.lost
  Scenario: An agent that has lost its packages is offered them again
    When the agent reports that it has no packages
    Then the package is offered again

  @implied @packages.all-hash-aggregate
  Scenario: Packages with another content have another hash
    When the operator offers the agent the package with another content
    And the agent receives the next message
    Then the hash of all packages differs from the one before

  @implied @packages.hash-identifies
  Scenario: A package with another content has another hash
    When the operator offers the agent the package with another content
    And the agent receives the next message
    Then the hash of the package differs from the one before

  @SHOULD @packages.hash-inputs.same
  Scenario: The same package has the same hash
    When the agent reports that it has other packages
    Then the package is offered again under the same hash

  @SHOULD @packages.hash-inputs.version
  Scenario: A package of another version has another hash
    When the operator offers the agent the package in another version
    And the agent receives the next message
    Then the hash of the package differs from the one before

  @transport.websocket @SHOULD @package-status.server-compares-hash.reconnected
  Scenario: Packages that the agent has are not offered again on a new connection
    Given the agent has closed its connection
    When the agent checks in
    Then no packages are offered
