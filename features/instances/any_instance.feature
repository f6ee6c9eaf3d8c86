@contract.fleet @transport.http
Feature: Several instances of a server
  Behind a load balancer an agent may meet another instance with each message, and must not notice.

  Background:
    Given a server with another instance

  Rule: Whoever enrolled an agent, all know it

    @MUST @fleet.instances.check-in
    Scenario: An agent that one instance enrolled checks in at another
      Given an enrolled agent
      When the agent checks in at the other instance
      Then the message is accepted
      And no new_instance_uid is announced

    @MUST @fleet.instances.disconnect
    Scenario: An agent that one instance enrolled disconnects at another
      Given an enrolled agent
      When the agent disconnects at the other instance
      Then the message is accepted

    @MUST @fleet.instances.check-in
    Scenario: An agent that took its leave from one instance comes back to another
      Given an enrolled agent
      And the agent has disconnected
      When the agent checks in at the other instance
      Then the message is accepted
      And no new_instance_uid is announced

    @MUST @fleet.instances.request-uid
    Scenario: An agent that one instance enrolled asks another for a new instance_uid
      Given an enrolled agent
      When the agent asks the other instance for a new instance_uid
      Then the agent is enrolled under its new_instance_uid
      And the agent is enrolled under its own instance_uid

  Rule: Instances that are asked at once do not get into each other's way

    @MUST @fleet.instances.unique
    Scenario: Clones that ask two instances at once are given an instance_uid each
      Given an unknown agent
      When the agent and 7 clones of it ask both instances for a new instance_uid at once
      Then the announced instance_uids are all different

    @MUST @fleet.instances.enroll-once
    Scenario: An unknown agent that reports to two instances at once keeps its instance_uid
      Given an unknown agent
      When the agent reports its full status to both instances at once
      Then every message is accepted, and no new_instance_uid is announced
