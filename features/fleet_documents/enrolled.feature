@contract.fleet @transport.http
Feature: The document of an agent
  Whoever looks after a fleet sees its agents as documents in Elasticsearch.
  What an agent has told the server, its document tells everybody else.

  Background:
    Given a fleet whose documents can be looked at

  Rule: An enrolled agent has a document of its own

    @MUST @fleet.document.id
    Scenario: The document of an enrolled agent is named by its instance_uid
      Given an enrolled agent
      Then the agent has a document that tells its instance_uid

    @MUST @fleet.document.kind
    Scenario: The document of an enrolled agent tells that it speaks OpAMP
      Given an enrolled agent
      Then the agent's document is that of an active OpAMP agent

    @MUST @fleet.document.policy
    Scenario: The document of an enrolled agent tells the policy of the key it came with
      Given an enrolled agent
      Then the agent's document tells the policy of its enrollment key

  Rule: The document tells what the agent has said of itself

    @MUST @fleet.document.tags
    Scenario: An agent's name and its own tags are its tags, each once
      Given an unknown agent
      And the agent has described itself with the tags "web, edge,web"
      Then the agent's document has its name and the tags "web" and "edge"

    @MUST @fleet.document.metadata
    Scenario: Name, version, host and platform are in the metadata
      Given an unknown agent
      And the agent has described itself with the tags "web"
      Then the metadata in the agent's document tells its name, version, host and platform

    @MUST @fleet.document.attributes
    Scenario: The attributes of an agent are kept, identifying and others apart
      Given an unknown agent
      And the agent has described itself with the tags "web"
      Then the agent's document has its attributes

    @MUST @fleet.document.capabilities
    Scenario: The capabilities of an agent are told by name
      Given an enrolled agent
      Then the agent's document names its capabilities

    @MUST @fleet.document.sequence-num
    Scenario: The sequence number of the last message is kept
      Given an enrolled agent
      And the agent has checked in
      Then the agent's document tells its last sequence number

  Rule: Secrets stay with the agent

    @MUST @fleet.document.secrets
    Scenario: The secrets in an effective configuration are not kept
      Given an unknown agent
      And the agent has reported a configuration with a password and an API key
      Then the agent's document has the configuration without its secrets
