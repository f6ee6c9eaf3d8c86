Feature: Remote configuration is offered
  The operator says what configuration an agent is to have, and the server offers it to agents that take one.

  Background:
    Given a server that offers remote configuration

  Rule: An offer reaches its agent

    @implied @remote-config.offer-field
    Scenario: An agent that is there is offered a configuration
      Given an agent with every capability
      And the agent has reported its full status
      When the operator offers the agent a configuration
      And the agent hears from the server
      Then the agent is offered a configuration

    @implied @remote-config.offer-field
    Scenario: A configuration that waits for its agent is offered with the first answer
      Given an agent with every capability
      And the operator has offered the agent a configuration
      When the agent reports its full status
      Then the agent is offered a configuration

    @MUST-NOT @remote-config.not-offered-if-unsupported
    Scenario: An agent that takes no configuration is offered none
      Given an agent with every capability but AcceptsRemoteConfig
      And the agent has reported its full status
      When the operator offers the agent a configuration
      And the agent checks in
      Then no configuration is offered

    @transport.http @implied @retry.server-one-message
    Scenario: Of two configurations the agent is offered the newer
      Given an agent with every capability
      And the agent has reported its full status
      And the operator has offered the agent a configuration
      And the operator has offered the agent another configuration
      When the agent checks in
      Then the agent is offered the other configuration

  Rule: An offer is well-formed

    Background:
      Given an agent with every capability
      And the agent has been offered a configuration

    @MUST @remote-config.config-hash-set
    Scenario: A configuration has a hash
      Then the configuration has a hash

    @MUST @config-files.unique-names
    Scenario: The names of configuration files are unique
      Then no two configuration files have one name

    @implied @config-files.keys-are-names
    Scenario: Configuration files go by the names that the operator gave them
      Then the configuration file has the name that the operator gave it

    @SHOULD @config-files.single-entry
    Scenario: A configuration of one file has one entry
      Then the configuration has one file

    @implied @config-files.content-type-mime
    Scenario: The content type of a configuration file is a MIME type
      Then the content type of the configuration file is a MIME type
