"""Steps about malformed messages."""

from pytest_bdd import given, then, when

from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import errors as expect_errors
from opamp_conformance.scene import Scene


@given("the agent's bytes that are not protobuf were answered with an error_response", target_fixture="exchange")
def _(scene: Scene) -> Exchange:
    return scene.require_error(scene.deliver_not_protobuf())


@given("the agent's malformed instance_uid was answered with an error_response", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.require_error(scene.deliver_under_malformed_uid(agent, 8))


@when("the agent sends bytes that are not protobuf", target_fixture="exchange")
def _(scene: Scene) -> Exchange:
    return scene.deliver_not_protobuf()


@when("the agent sends its full status cut short", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.deliver_cut_short(agent)


@when("the agent sends an empty body", target_fixture="exchange")
def _(scene: Scene) -> Exchange:
    return scene.client.send_bytes(b"")


@when("the agent sends its full status as broken gzip", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.deliver_broken_gzip(agent)


@when("the agent sends its full status as gzip cut short", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.deliver_gzip_cut_short(agent)


@then("the response is an error_response")
def _(exchange: Exchange) -> None:
    expect_errors.an_error(exchange)


@then("the error is a BadRequest")
def _(exchange: Exchange) -> None:
    expect_errors.bad_request(exchange)


@then("the error describes the problem")
def _(exchange: Exchange) -> None:
    expect_errors.readable_problem(exchange)


@then("the error stands alone")
def _(exchange: Exchange) -> None:
    expect_errors.error_alone(exchange)


@then("the error asks for no retry")
def _(exchange: Exchange) -> None:
    expect_errors.no_retry(exchange)
