Feature: Packages are offered
  The operator says what packages an agent is to have. The agent downloads them by itself, and checks by
  hashes what it got.

  Background:
    Given a server that offers packages

  Rule: An offer reaches its agent

    @implied @packages.offer-field
    Scenario: An agent that is there is offered a package
      Given an agent with every capability
      And the agent has reported its full status
      When the operator offers the agent a package
      And the agent hears from the server
      Then the package is offered

    @implied @packages.not-offered-if-unsupported
    Scenario: An agent that takes no packages is offered none
      Given an agent with every capability but AcceptsPackages
      And the agent has reported its full status
      When the operator offers the agent a package
      And the agent checks in
      Then no packages are offered

  Rule: An offer is well-formed

    Background:
      Given an agent with every capability
      And the agent has reported its full status
      And the agent has been offered a package

    @MUST @packages.all-hash-set
    Scenario: All packages together have a hash
      Then all packages together have a hash

    @MUST @packages.strong-hash
    Scenario: The hashes of packages are long enough
      Then the hashes of the packages have 16 bytes or more

    @implied @packages.type
    Scenario: A package is of the type that the operator gave it
      Then the package is a top-level package

    @implied @packages.content-hash-sha256
    Scenario: The hash of a file is its SHA-256
      Then the hash of the file is the SHA-256 of its content

    @implied @packages.url-http-get
    Scenario: A package can be downloaded
      When the agent downloads the package
      Then the file has come whole

    @SHOULD @packages.range-requests
    Scenario: A download that broke off can be resumed
      When the agent downloads the package from its 4th byte on
      Then the rest of the file has come
