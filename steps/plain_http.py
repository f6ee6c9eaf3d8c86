"""Steps about HTTP as the carrier of messages."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import http as expect_http
from opamp_conformance.expect import replies as expect_replies
from opamp_conformance.scene import Scene
from opamp_conformance.transports.http import GZIP, Request


@when("the agent reports its full status compressed with gzip", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.deliver(Request.of(agent.full_status()).compressed())


@given("the agent has reported its full status compressed with gzip")
def _(scene: Scene, agent: Agent) -> None:
    scene.require_accepted(scene.client.deliver(Request.of(agent.full_status()).compressed()))


@when(parsers.parse('the agent reports its full status with the header "{name}: {value}"'), target_fixture="exchange")
def _(scene: Scene, agent: Agent, name: str, value: str) -> Exchange:
    return scene.deliver_full_status(agent, {name: value})


@when("the agent reports its full status and takes compressed responses", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.deliver_full_status(agent, {"Accept-Encoding": GZIP})


@when(
    parsers.parse('the agent reports its full status with the content type "{content_type}"'),
    target_fixture="exchange",
)
def _(scene: Scene, agent: Agent, content_type: str) -> Exchange:
    return scene.deliver_full_status(agent, {"Content-Type": content_type})


@when(
    parsers.parse('the agent reports its full status in the encoding "{encoding}"'),
    target_fixture="exchange",
)
def _(scene: Scene, agent: Agent, encoding: str) -> Exchange:
    return scene.deliver_full_status(agent, {"Content-Encoding": encoding})


@when("the agent reports its full status without a content type", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.deliver_full_status(agent, {"Content-Type": None})


@when("the endpoint is fetched with GET", target_fixture="exchange")
def _(scene: Scene) -> Exchange:
    return scene.fetch()


@then("the request is refused")
def _(exchange: Exchange) -> None:
    expect_http.refused(exchange)


@then("the body of the response is a ServerToAgent")
def _(exchange: Exchange) -> None:
    expect_replies.serialized_server_to_agent(exchange)


@then("the response is compressed with gzip")
def _(exchange: Exchange) -> None:
    expect_http.compressed(exchange)


@then("the request is not answered as plain HTTP")
def _(exchange: Exchange) -> None:
    expect_http.not_plain_http(exchange)
