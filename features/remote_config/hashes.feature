Feature: The hash of a remote configuration
  An agent reports the hash of the last configuration it received. The server compares it, and offers the
  configuration again only if the hash differs.

  Background:
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And the agent has applied a configuration

  @MUST @remote-config.server-offers-on-mismatch.other
  Scenario: An agent with another configuration is offered the right one
    When the agent reports that it has applied another configuration
    Then the agent is offered a configuration

  @MUST @remote-config.server-offers-on-mismatch.applying
  Scenario: An agent that is applying another configuration is offered the right one
    When the agent reports that it is applying another configuration
    Then the agent is offered a configuration

  @MUST @remote-config.server-offers-on-mismatch.failed
  Scenario: An agent that has failed to apply another configuration is offered the right one
    When the agent reports that it has failed to apply another configuration
    Then the agent is offered a configuration

  @MUST @remote-config.server-offers-on-mismatch.longer
  Scenario: An agent with a hash that only begins with the right one is offered the right configuration
    When the agent reports a configuration whose hash begins with the right one
    Then the agent is offered a configuration

  @MUST @capabilities.server-respects-change.again
  Scenario: An agent that accepts remote configuration again is offered it again
    Given the agent has checked in without the capability AcceptsRemoteConfig
    When the agent reports with every capability that it has applied another configuration
    Then the agent is offered a configuration

  @SHOULD @remote-config.server-compares-hash.lost
  Scenario: An agent that has lost its configuration is offered it again
    When the agent reports that it has no configuration
    Then the agent is offered a configuration

  @SHOULD-NOT @remote-config.config-unset-if-unchanged.applied
  Scenario: A configuration that the agent has applied is not sent again
    When the agent reports that it has applied the configuration
    Then no configuration files are sent

  @SHOULD-NOT @remote-config.config-unset-if-unchanged.failed
  Scenario: A configuration that the agent has failed to apply is not sent again
    When the agent reports that it has failed to apply the configuration
    Then no configuration files are sent

  @implied @remote-config.hash-function.name
  Scenario: A configuration file with another name has another hash
    Given a server with a control plane
    And the operator has offered the agent the file "first.yaml" of the type "text/yaml"
    When the operator offers the agent the file "second.yaml" of the type "text/yaml"
    And the agent receives the next message
    Then the configuration has another hash than before

  @implied @remote-config.hash-function.content
  Scenario: Another configuration has another hash
    When the operator offers the agent another configuration
    And the agent receives the next message
    Then the configuration has another hash than before

  @SHOULD-NOT @remote-config.config-unset-if-unchanged.check-in
  Scenario: A check-in does not bring a configuration again that the agent has applied
    When the agent checks in
    Then no configuration files are sent

  @transport.websocket @SHOULD-NOT @remote-config.config-unset-if-unchanged.reconnected
  Scenario: A new connection does not bring a configuration again that the agent has applied
    Given the agent has closed its connection
    When the agent reports that it has applied the configuration
    Then no configuration files are sent
