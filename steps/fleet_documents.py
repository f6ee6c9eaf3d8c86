"""Steps about the documents of agents in Elasticsearch."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.actions.fleet_documents import Document
from opamp_conformance.actions.preconditions import require_accepted
from opamp_conformance.assertions import fleet_documents as assert_documents
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import SERVICE_NAME, Agent, capability
from opamp_conformance.wire.exchange import Exchange


@given("a fleet whose documents can be read")
def _(context: ScenarioContext) -> None:
    context.documents.require()


@given(parsers.parse('the agent has described itself with the tags "{tags}"'))
def _(context: ScenarioContext, agent: Agent, tags: str) -> None:
    require_accepted(context.client.send(sample_messages.with_details(agent, tags)))


@given("the agent has reported a configuration with a password and an API key")
def _(context: ScenarioContext, agent: Agent) -> None:
    require_accepted(context.client.send(sample_messages.with_secrets(agent)))


@given("the agent has reported a configuration with a list of names and values")
def _(context: ScenarioContext, agent: Agent) -> None:
    require_accepted(context.client.send(sample_messages.with_secrets_in_lists(agent)))


@given("the agent has reported a configuration with secrets that are no texts")
def _(context: ScenarioContext, agent: Agent) -> None:
    require_accepted(context.client.send(sample_messages.with_secrets_that_are_no_texts(agent)))


@given("the agent has reported another configuration")
def _(context: ScenarioContext, agent: Agent) -> None:
    require_accepted(context.client.send(sample_messages.with_other_configuration(agent)))


@given(parsers.parse('the agent has described itself without a name, with the tags "{tags}"'))
def _(context: ScenarioContext, agent: Agent, tags: str) -> None:
    require_accepted(context.client.send(sample_messages.without_name(agent, tags)))


@given("the agent has gained the capability ReportsHeartbeat")
def _(agent: Agent) -> None:
    agent.capabilities |= capability("ReportsHeartbeat")


@given("the agent has reported that it is unhealthy")
def _(context: ScenarioContext, agent: Agent) -> None:
    require_accepted(context.client.send(sample_messages.unhealthy(agent)))


@given(parsers.parse('the agent\'s document has the status "{status}"'), target_fixture="document")
def _(context: ScenarioContext, agent: Agent, status: str) -> Document:
    return assert_documents.status(context.documents, agent, status, by_search=True)


@given("the agent's document has been marked as reenrolled")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.reenrolled(context.documents, agent, by_search=True)


@when("the agent reports a recoverable error", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.degraded(agent))


@when("the agent reports that it is unhealthy, with the status of a recoverable error", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.degraded_and_unhealthy(agent))


@when("the agent reports that it is unhealthy, with an error message", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.unhealthy_with_error(agent))


@when("the agent reports several configurations", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.with_several_configurations(agent))


@when("the agent checks in more than a second later", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.agents.check_in_later(agent)


@when("the agent reports another configuration", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.with_other_configuration(agent))


@then("the agent's document has only the other configuration")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.configuration(context.documents, agent, sample_messages.OTHER_CONFIGURATION)


@then(parsers.parse("the agent's document has the health of components nested {depth:d} levels deep"))
def _(context: ScenarioContext, agent: Agent, depth: int) -> None:
    assert_documents.component_health(context.documents, agent, depth)


@then("the agent's document has its last error message")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.last_error(context.documents, agent)


@then("the agent's document has later times, and the same time of enrollment")
def _(context: ScenarioContext, agent: Agent, document: Document) -> None:
    assert_documents.later(context.documents, agent, document)


@then("the agent's document has kept the rest")
def _(context: ScenarioContext, agent: Agent, document: Document) -> None:
    context.documents.wait_until_written(context.agents.reported().instance_uid)
    assert_documents.kept(context.documents, agent, document)


@then("the agent's document has its last health")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.unhealthy(context.documents, agent)


@then(parsers.parse('the agent\'s document still has the status "{status}" after the last message'))
def _(context: ScenarioContext, agent: Agent, status: str) -> None:
    assert_documents.still_has_status(context.documents, agent, status)


@then("the agent's document has the namespaces of its enrollment key")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.namespaces(context.documents, agent.instance_uid)


@then("the document with the new_instance_uid has the namespaces of the enrollment key")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_documents.namespaces(context.documents, exchange.new_instance_uid)


@then("the document with the new_instance_uid has the policy of the enrollment key")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_documents.policy(context.documents, exchange.new_instance_uid)


@then("the document with the new_instance_uid has the report of the agent")
def _(context: ScenarioContext, agent: Agent, exchange: Exchange) -> None:
    assert_documents.report(context.documents, agent, exchange.new_instance_uid)


@then("the document with the new_instance_uid is like that of any enrolled agent")
def _(context: ScenarioContext, agent: Agent, exchange: Exchange) -> None:
    other = context.agents.reported_like(agent)
    assert_documents.like_enrolled(context.documents, agent, exchange.new_instance_uid, other)


@then("the agent's document is still marked as reenrolled")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.documents.wait_until_written(context.agents.reported().instance_uid)
    assert_documents.reenrolled(context.documents, agent)


@then("the agent has only a document with an announced new_instance_uid")
def _(context: ScenarioContext, agent: Agent, exchange: Exchange) -> None:
    context.documents.wait_until_written(context.agents.reported().instance_uid)
    assert_documents.only_announced(context.documents, agent, exchange)


@then("no document has the name of the agent")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.documents.wait_until_written(context.agents.reported().instance_uid)
    assert_documents.none_named(context.documents, agent)


@then("the agent has a document with its instance_uid")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.identity(context.documents, agent.instance_uid)


@then("there is a document with the new_instance_uid")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_documents.identity(context.documents, exchange.new_instance_uid)


@then("the agent's document is that of an active OpAMP agent")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.kind(context.documents, agent)


@then("the agent's document has the policy of its enrollment key")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.policy(context.documents, agent.instance_uid)


@then(parsers.parse('the agent\'s document has its name and the tags "{one}" and "{other}"'))
def _(context: ScenarioContext, agent: Agent, one: str, other: str) -> None:
    assert_documents.tags(context.documents, agent, SERVICE_NAME, one, other)


@then(parsers.parse('the agent\'s document has only the tags "{one}" and "{other}"'))
def _(context: ScenarioContext, agent: Agent, one: str, other: str) -> None:
    assert_documents.tags(context.documents, agent, one, other)


@then("the metadata in the agent's document has its name, version, host and platform")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.metadata(context.documents, agent)


@then("the agent's document has its attributes")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.attributes(context.documents, agent)


@then("the agent's document has the names of its capabilities")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.capabilities(context.documents, agent)


@then("the agent's document has its last sequence number")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.sequence_num(context.documents, agent)


@then("the agent's document has the configuration without its secrets")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.no_secrets(context.documents, agent)


@then("the agent's document is marked as reenrolled")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.reenrolled(context.documents, agent)


@then("the agent's document is no longer marked")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_documents.not_reenrolled(context.documents, agent)


@then("the agent has no document")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.documents.wait_until_written(context.agents.reported().instance_uid)
    assert_documents.none(context.documents, agent)


@then("the agent's document has not changed")
def _(context: ScenarioContext, agent: Agent, document: Document) -> None:
    context.documents.wait_until_written(context.agents.reported().instance_uid)
    assert_documents.unchanged(context.documents, agent, document)


@then(parsers.parse('the agent\'s document gets the status "{status}"'))
def _(context: ScenarioContext, agent: Agent, status: str) -> None:
    assert_documents.status(context.documents, agent, status)
