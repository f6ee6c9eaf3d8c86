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

    @MUST @fleet.document.tags.described
    Scenario: The tags are the agent's name and its own tags, each once
      Given an unknown agent
      And the agent has described itself with the tags "web, edge,web"
      Then the agent's document has its name and the tags "web" and "edge"

    @MUST @fleet.document.tags.unnamed
    Scenario: An agent without a name has only its own tags
      Given an unknown agent
      And the agent has described itself without a name, with the tags "web, edge,web"
      Then the agent's document has only the tags "web" and "edge"

    @MUST @fleet.document.tags.changed
    Scenario: The document has the tags that the agent reported last
      Given an enrolled agent
      And the agent has described itself with the tags "web, edge,web"
      Then the agent's document has its name and the tags "web" and "edge"

    @MUST @fleet.document.metadata.described
    Scenario: The metadata has the name, version, host and platform
      Given an unknown agent
      And the agent has described itself with the tags "web"
      Then the metadata in the agent's document has its name, version, host and platform

    @MUST @fleet.document.metadata.changed
    Scenario: The metadata is what the agent reported last
      Given an enrolled agent
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

    @MUST @fleet.document.namespaces.enrolled
    Scenario: The document has the namespaces of the enrollment key
      Given an enrolled agent
      Then the agent's document has the namespaces of its enrollment key

    @MUST @fleet.document.capabilities.first
    Scenario: The document has the names of the agent's capabilities
      Given an enrolled agent
      Then the agent's document has the names of its capabilities

    @MUST @fleet.document.capabilities.changed
    Scenario: The document has the capabilities that the agent reported last
      Given an enrolled agent
      And the agent has gained the capability ReportsHeartbeat
      When the agent checks in
      Then the agent's document has the names of its capabilities

    @MUST @fleet.document.times
    Scenario: The document has the time of the last message
      Given an enrolled agent
      And the agent's document has the status "online"
      When the agent checks in more than a second later
      Then the agent's document has later times, and the same time of enrollment

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

    @MUST @fleet.document.configuration.replaced
    Scenario: A configuration replaces the one before
      Given an enrolled agent
      And the agent has reported a configuration with a password and an API key
      When the agent reports another configuration
      Then the agent's document has only the other configuration

    @MUST @fleet.document.configuration.among-several
    Scenario: Of several configurations, the document has the one with the empty key
      Given an enrolled agent
      When the agent reports several configurations
      Then the agent's document has only the other configuration

    @MUST @fleet.document.configuration.at-once
    Scenario: A check-in right after a configuration does not replace that report
      Given an enrolled agent
      And the agent's document has the status "online"
      And the agent has reported another configuration
      When the agent checks in
      Then the agent's document has its last sequence number
      And the agent's document has only the other configuration

  Rule: A message changes only what it is about

    @MUST @fleet.document.kept.check-in
    Scenario: A check-in changes nothing that the agent reported before
      Given an agent with every capability
      And the agent has reported its full status
      And the agent's document has the status "online"
      When the agent checks in
      Then the agent's document has kept the rest

    @MUST @fleet.document.kept.disconnect
    Scenario: A disconnect changes nothing that the agent reported before
      Given an agent with every capability
      And the agent has reported its full status
      And the agent's document has the status "online"
      When the agent disconnects
      Then the agent's document has kept the rest

    @MUST @fleet.document.kept.returned
    Scenario: The return of an agent changes nothing that it reported before
      Given an agent with every capability
      And the agent has reported its full status
      And the agent's document has the status "online"
      And the agent has disconnected
      And the agent's document has the status "disconnected"
      When the agent checks in
      Then the agent's document has kept the rest

  Rule: The document contains no secrets

    @MUST @fleet.document.secrets.in-lists
    Scenario: The secrets in lists of names and values are not stored
      Given an unknown agent
      And the agent has reported a configuration with a list of names and values
      Then the agent's document has the configuration without its secrets

    @MUST @fleet.document.secrets.no-texts
    Scenario: Lists and numbers under keys of secrets are not stored
      Given an unknown agent
      And the agent has reported a configuration with secrets that are no texts
      Then the agent's document has the configuration without its secrets

    @MUST @fleet.document.secrets.later
    Scenario: The secrets in a later configuration are not stored
      Given an enrolled agent
      And the agent has reported a configuration with a password and an API key
      Then the agent's document has the configuration without its secrets

    @MUST @fleet.document.secrets.by-key
    Scenario: The secrets in an effective configuration are not stored
      Given an unknown agent
      And the agent has reported a configuration with a password and an API key
      Then the agent's document has the configuration without its secrets
