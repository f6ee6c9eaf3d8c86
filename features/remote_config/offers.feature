Feature: Offers of a remote configuration
  The operator defines a configuration for an agent. The server offers it to the agent if the agent accepts remote
  configuration.

  Background:
    Given a server that offers remote configuration

  Rule: An offer reaches its agent

    @implied @remote-config.offer-field
    Scenario: A connected agent is offered a configuration
      Given an agent with every capability
      And the agent has reported its full status
      When the operator offers the agent a configuration
      And the agent receives the next message
      Then the agent is offered a configuration

    @SHOULD @remote-config.server-compares-hash.first-answer
    Scenario: A configuration that was defined before the agent reports is in the first answer
      Given an agent with every capability
      And the operator has defined a configuration for the agent
      When the agent reports its full status
      Then the agent is offered a configuration

    @MUST-NOT @remote-config.not-offered-if-unsupported
    Scenario: An agent that does not accept remote configuration is offered none
      Given an agent with every capability but AcceptsRemoteConfig
      And the agent has reported its full status
      When the operator offers the agent a configuration
      And the agent checks in
      Then no configuration is offered

  Rule: An offer is well-formed

    Background:
      Given an agent with every capability
      And the agent has reported its full status
      And the agent has received a configuration

    @MUST @remote-config.config-hash-set
    Scenario: A configuration has a hash
      Then the configuration has a hash

    @MUST @config-files.unique-names
    Scenario: The names of configuration files are unique
      Then no two configuration files have the same name

    @implied @config-files.content-type-mime
    Scenario: The content type of a configuration file is a MIME type
      Then the content type of the configuration file is a MIME type

  Rule: The agent receives what the operator has defined

    Background:
      Given a server with a control plane
      And an agent with every capability
      And the agent has reported its full status
      And the agent has received a configuration

    @implied @config-files.keys-are-names.one @config-objects.keys-agent-defined
    Scenario: A configuration file has the name that the operator gave it
      Then the configuration file has the name that the operator gave it

    @implied @config-files.keys-are-names.several @config-objects.keys-agent-defined
    Scenario: Each of several configuration files arrives under its name
      When the operator offers the agent the configuration files "first.yaml" and "second.yaml"
      And the agent receives the next message
      Then the agent is offered the configuration files "first.yaml" and "second.yaml"

    @MAY @config-objects.empty-key
    Scenario: A file without a name may stand beside another file
      When the operator offers the agent a file without a name and the file "second.yaml"
      And the agent receives the next message
      Then the agent is offered a file without a name and the file "second.yaml"

    @implied @config-objects.role-optional
    Scenario: A configuration file has the role that the operator gave it
      When the operator offers the agent the file "first.yaml" with the role "supplementary"
      And the agent receives the next message
      Then the file "first.yaml" has the role "supplementary"

    @SHOULD @config-files.single-entry
    Scenario: A configuration of one file has one entry
      Then the configuration has one file
