@contract.fleet @transport.http
Feature: The document of an enrolled agent
  The users of Fleet see an agent as a document in Elasticsearch. The document contains what the agent has reported.

  Background:
    Given a fleet whose documents can be read

  Rule: Each enrolled agent has a document

    @MUST @fleet.document.id
    Scenario: The document of an enrolled agent has its instance_uid as id
      Given an enrolled agent
      Then the agent has a document with its instance_uid

    @MUST @fleet.document.kind
    Scenario: The document of an enrolled agent says that it is an OpAMP agent
      Given an enrolled agent
      Then the agent's document is that of an active OpAMP agent

    @MUST @fleet.document.policy.enrolled
    Scenario: The document of an enrolled agent has the policy of its enrollment key
      Given an enrolled agent
      Then the agent's document has the policy of its enrollment key

  Rule: The document contains the agent's description

    @MUST @fleet.document.tags
    Scenario: The tags are the agent's name and its own tags, each once
      Given an unknown agent
      And the agent has described itself with the tags "web, edge,web"
      Then the agent's document has its name and the tags "web" and "edge"

    @MUST @fleet.document.metadata
    Scenario: The metadata has the name, version, host and platform
      Given an unknown agent
      And the agent has described itself with the tags "web"
      Then the metadata in the agent's document has its name, version, host and platform

    @MUST @fleet.document.attributes.first
    Scenario: The document separates identifying and non-identifying attributes
      Given an unknown agent
      And the agent has described itself with the tags "web"
      Then the agent's document has its attributes

    @MUST @fleet.document.attributes.changed
    Scenario: The document has the attributes that the agent reported last
      Given an enrolled agent
      And the agent has described itself with the tags "web"
      Then the agent's document has its attributes

    @MUST @fleet.document.namespaces
    Scenario: The document has the namespaces of the enrollment key
      Given an enrolled agent
      Then the agent's document has the namespaces of its enrollment key

    @MUST @fleet.document.capabilities
    Scenario: The document has the names of the agent's capabilities
      Given an enrolled agent
      Then the agent's document has the names of its capabilities

    @MUST @fleet.document.sequence-num.check-in
    Scenario: The document has the sequence number of the last message
      Given an enrolled agent
      And the agent has checked in
      Then the agent's document has its last sequence number

    @MUST @fleet.document.sequence-num.disconnect
    Scenario: The document has the sequence number of an agent_disconnect
      Given an enrolled agent
      And the agent has checked in
      When the agent disconnects
      Then the agent's document gets the status "disconnected"
      And the agent's document has its last sequence number

    @MUST @fleet.document.configuration
    Scenario: A configuration replaces the one before
      Given an enrolled agent
      And the agent has reported a configuration with a password and an API key
      When the agent reports another configuration
      Then the agent's document has only the other configuration

  Rule: The document contains no secrets

    @MUST @fleet.document.secrets.in-lists
    Scenario: The secrets in lists of names and values are not stored
      Given an unknown agent
      And the agent has reported a configuration with a list of names and values
      Then the agent's document has the configuration without its secrets

    @MUST @fleet.document.secrets.by-key
    Scenario: The secrets in an effective configuration are not stored
      Given an unknown agent
      And the agent has reported a configuration with a password and an API key
      Then the agent's document has the configuration without its secrets
