"""Steps of the second witness: what the documents of the fleet tell."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance import messages
from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import documents as expect
from opamp_conformance.scene import Scene
from opamp_conformance.witness import Document


@given("a fleet whose documents can be looked at")
def _(scene: Scene) -> None:
    scene.witness.require()


@given(parsers.parse('the agent has described itself with the tags "{tags}"'))
def _(scene: Scene, agent: Agent, tags: str) -> None:
    scene.require_accepted(scene.client.send(messages.with_details(agent, tags)))


@given("the agent has reported a configuration with a password and an API key")
def _(scene: Scene, agent: Agent) -> None:
    scene.require_accepted(scene.client.send(messages.with_secrets(agent)))


@given("the agent has reported that it is unhealthy")
def _(scene: Scene, agent: Agent) -> None:
    scene.require_accepted(scene.client.send(messages.unhealthy(agent)))


@given(parsers.parse('the agent\'s document tells that it is "{status}"'), target_fixture="document")
def _(scene: Scene, agent: Agent, status: str) -> Document:
    return expect.status(scene.witness, agent, status)


@when("the agent reports an error it may recover from", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(messages.degraded(agent))


@then("the agent has a document that tells its instance_uid")
def _(scene: Scene, agent: Agent) -> None:
    expect.identity(scene.witness, agent.instance_uid)


@then("there is a document that tells the new_instance_uid")
def _(scene: Scene, exchange: Exchange) -> None:
    expect.identity(scene.witness, exchange.new_instance_uid)


@then("the agent's document is that of an active OpAMP agent")
def _(scene: Scene, agent: Agent) -> None:
    expect.kind(scene.witness, agent)


@then("the agent's document tells the policy of its enrollment key")
def _(scene: Scene, agent: Agent) -> None:
    expect.policy(scene.witness, agent)


@then(parsers.parse('the agent\'s document has its name and the tags "{one}" and "{other}"'))
def _(scene: Scene, agent: Agent, one: str, other: str) -> None:
    expect.tags(scene.witness, agent, [one, other])


@then("the metadata in the agent's document tells its name, version, host and platform")
def _(scene: Scene, agent: Agent) -> None:
    expect.metadata(scene.witness, agent)


@then("the agent's document has its attributes")
def _(scene: Scene, agent: Agent) -> None:
    expect.attributes(scene.witness, agent)


@then("the agent's document names its capabilities")
def _(scene: Scene, agent: Agent) -> None:
    expect.capabilities(scene.witness, agent)


@then("the agent's document tells its last sequence number")
def _(scene: Scene, agent: Agent) -> None:
    expect.sequence_num(scene.witness, agent)


@then("the agent's document has the configuration without its secrets")
def _(scene: Scene, agent: Agent) -> None:
    expect.no_secrets(scene.witness, agent)


@then("the agent's document is marked as reenrolled")
def _(scene: Scene, agent: Agent) -> None:
    expect.reenrolled(scene.witness, agent)


@then("the agent's document is not marked any more")
def _(scene: Scene, agent: Agent) -> None:
    expect.not_reenrolled(scene.witness, agent)


@then("the agent has no document")
def _(scene: Scene, agent: Agent) -> None:
    scene.await_everything_written()
    expect.none(scene.witness, agent)


@then("the agent's document still tells what it told before")
def _(scene: Scene, agent: Agent, document: Document) -> None:
    scene.await_everything_written()
    expect.unchanged(scene.witness, agent, document)


@then(parsers.parse('the agent\'s document comes to tell that it is "{status}"'))
def _(scene: Scene, agent: Agent, status: str) -> None:
    expect.status(scene.witness, agent, status)
