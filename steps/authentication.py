"""Steps about credentials."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import http as expect_http
from opamp_conformance.expect import websocket as expect_websocket
from opamp_conformance.scene import Scene


@given("a server that asks for credentials")
def _(scene: Scene) -> None:
    scene.require_credentials()


@when("the agent reports its full status without credentials", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.deliver_full_status(agent, {}, authorized=False)


@when("the agent reports its full status with wrong credentials", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.deliver_full_status(agent, scene.wrong_credentials(), authorized=False)


@when("the agent reports its full status with credentials of an unknown scheme", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.deliver_full_status(agent, {"Authorization": "Nonesuch 0"}, authorized=False)


@when("the agent sends bytes that are not protobuf without credentials", target_fixture="exchange")
def _(scene: Scene) -> Exchange:
    return scene.deliver_not_protobuf_unauthorized()


@when("the agent opens a WebSocket without credentials", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.lanes.report_opening_with(agent, {}, authorized=False)


@when("the agent opens a WebSocket with wrong credentials", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.lanes.report_opening_with(agent, scene.wrong_credentials(), authorized=False)


@then("no WebSocket opens")
def _(exchange: Exchange) -> None:
    expect_websocket.no_websocket(exchange)


@then(parsers.parse("the request is answered with the status {status:d}"))
def _(exchange: Exchange, status: int) -> None:
    expect_http.status(exchange, status)
