@contract.fleet @transport.http
Feature: Several instances of a server
  Behind a load balancer, each message of an agent may reach another instance of the server. The agent must not
  notice this.

  Background:
    Given a server with another instance

  Rule: Each instance knows the agents that another instance enrolled

    @MUST @fleet.instances.check-in.enrolled-agent
    Scenario: An agent enrolled by one instance checks in at another instance
      Given an enrolled agent
      When the agent checks in at the other instance
      Then the message is accepted
      And no new_instance_uid is announced

    @MUST @fleet.instances.disconnect
    Scenario: An agent enrolled by one instance disconnects at another instance
      Given an enrolled agent
      When the agent disconnects at the other instance
      Then the message is accepted

    @MUST @fleet.instances.check-in.disconnected-agent
    Scenario: An agent that disconnected at one instance comes back at another instance
      Given an enrolled agent
      And the agent has disconnected
      When the agent checks in at the other instance
      Then the message is accepted
      And no new_instance_uid is announced

    @MUST @fleet.instances.request-uid
    Scenario: An agent enrolled by one instance asks another instance for a new instance_uid
      Given an enrolled agent
      When the agent asks the other instance for a new instance_uid
      Then the agent is enrolled under its new_instance_uid
      And the agent is enrolled under its own instance_uid

  Rule: Instances that receive messages at once do not contradict each other

    @MUST @fleet.instances.unique
    Scenario: Clones that ask two instances at once receive different instance_uids
      Given an unknown agent
      When the agent and 7 clones of it ask both instances for a new instance_uid at once
      Then the announced instance_uids are all different

    @MUST @fleet.instances.enroll-once
    Scenario: An unknown agent that reports to two instances at once keeps its instance_uid
      Given an unknown agent
      When the agent reports its full status to both instances at once
      Then every message is accepted, and no new_instance_uid is announced
