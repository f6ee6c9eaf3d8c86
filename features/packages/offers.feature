Feature: Offers of packages
  The operator defines packages for an agent. The agent downloads them, and verifies them by their hashes.

  Background:
    Given a server that offers packages

  Rule: An offer reaches its agent

    @implied @packages.offer-field.one
    Scenario: A connected agent is offered a package
      Given an agent with every capability
      And the agent has reported its full status
      When the operator offers the agent a package
      And the agent receives the next message
      Then the package is offered

    @implied @packages.offer-field.several
    Scenario: Each of several packages is offered
      Given a server with a control plane
      And an agent with every capability
      And the agent has reported its full status
      When the operator offers the agent the packages "collector" and "plugin"
      And the agent receives the next message
      Then the packages "collector" and "plugin" are offered

    @SHOULD @package-status.server-compares-hash.first-answer
    Scenario: A package that was defined before the agent reports is in the first answer
      Given an agent with every capability
      And the operator has defined a package for the agent
      When the agent reports its full status
      Then a package is offered

    @implied @packages.not-offered-if-unsupported
    Scenario: An agent that does not accept packages is offered none
      Given an agent with every capability but AcceptsPackages
      And the agent has reported its full status
      When the operator offers the agent a package
      And the agent checks in
      Then no packages are offered

  Rule: An offer is well-formed

    Background:
      Given an agent with every capability
      And the agent has reported its full status
      And the agent has received a package

    @MUST @packages.all-hash-set
    Scenario: The offer has a hash of all packages
      Then the offer has a hash of all packages

    @implied @packages.content-hash-sha256
    Scenario: The hash of each file is its SHA-256
      When the agent downloads all packages
      Then the hash of each file is the SHA-256 of its content

    @implied @packages.url-http-get.all
    Scenario: Each package can be downloaded more than once
      Given the agent has downloaded all packages
      When the agent downloads all packages
      Then each download brings a file

    @implied @packages.url-http-get.any-name
    Scenario: A package can be downloaded whatever its name is
      Given a server with a control plane
      When the operator offers the agent the package "data #1?.bin 100%"
      And the agent receives the next message
      And the agent downloads all packages
      Then each download brings a file

    @SHOULD @packages.range-requests.part
    Scenario: A part of a package can be downloaded
      Given the agent has downloaded all packages
      When the agent downloads the first 4 bytes of all packages
      Then each download brings the first 4 bytes of the file

    @SHOULD @packages.range-requests.rest
    Scenario: An interrupted download can be resumed
      Given the agent has downloaded all packages
      When the agent downloads all packages from their 4th byte on
      Then each download brings the rest of the file

    @MUST @packages.strong-hash
    Scenario: The hashes of packages are long enough
      Then the hashes of the packages have 16 bytes or more

  Rule: The agent receives what the operator has defined

    Background:
      Given a server with a control plane
      And an agent with every capability
      And the agent has reported its full status
      And the agent has received a package

    @implied @packages.type
    Scenario: A package has the type that the operator gave it
      Then the package is a top-level package

    @implied @packages.version
    Scenario: A package has the version that the operator gave it
      Then the package has the version that the operator gave it

    @implied @packages.url-http-get.whole
    Scenario: A package can be downloaded
      When the agent downloads the package
      Then the agent has the whole file
