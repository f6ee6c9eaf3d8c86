"""Steps about plain HTTP."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import plain_http as assert_plain_http
from opamp_conformance.assertions import status_reporting as assert_status_reporting
from opamp_conformance.assertions.common import exchange_satisfies
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import INSTANCE_UID_HEADER


@when("the agent reports its full status compressed with gzip", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.report_compressed(agent)


@when(
    parsers.parse("the agent reports its full status compressed with gzip in {members:d} members"),
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, members: int) -> Exchange:
    return context.http.report_compressed(agent, members)


@when(
    parsers.parse('the agent reports its full status compressed with gzip, which it calls "{name}"'),
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, name: str) -> Exchange:
    return context.http.report_compressed_as(agent, name)


@when("the agent reports its full status compressed with gzip, and accepts gzip", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.report_compressed(agent, headers={"Accept-Encoding": "gzip"})


@given("the agent has reported its full status compressed with gzip")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.http.accepted_compressed_report(agent)


@when(parsers.parse('the agent reports its full status with the header "{name}: {value}"'), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, name: str, value: str) -> Exchange:
    return context.http.report(agent, {name: value})


@when(
    parsers.parse('the agent reports its full status and accepts responses in "{codings}"'), target_fixture="exchange"
)
def _(context: ScenarioContext, agent: Agent, codings: str) -> Exchange:
    return context.http.report(agent, {"Accept-Encoding": codings})


@when(
    parsers.re(r"the agent checks in compressed with gzip after (?P<count>\d+) lost messages?"),
    converters={"count": int},
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, count: int) -> Exchange:
    agent.lose(count)
    return context.http.check_in_compressed(agent)


@when(
    parsers.parse('the agent reports its full status with the content type "{content_type}"'),
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, content_type: str) -> Exchange:
    return context.http.report(agent, {"Content-Type": content_type})


@when(
    parsers.parse('the agent reports its full status in the encoding "{encoding}"'),
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, encoding: str) -> Exchange:
    return context.http.report(agent, {"Content-Encoding": encoding})


@when("the agent reports its full status without the header OpAMP-Instance-UID", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.report(agent, {INSTANCE_UID_HEADER: None})


@when("the agent reports its full status without a content type", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.report(agent, {"Content-Type": None})


@when("the client sends a GET to the endpoint", target_fixture="exchange")
def _(context: ScenarioContext) -> Exchange:
    return context.http.get()


@then("the request is refused")
def _(exchange: Exchange) -> None:
    assert_plain_http.refused(exchange)


@then("the body of the response is a ServerToAgent")
def _(exchange: Exchange) -> None:
    assert_status_reporting.is_server_to_agent(exchange)


@then("the response is not compressed with gzip")
def _(exchange: Exchange) -> None:
    assert_plain_http.not_compressed(exchange)


@then("the response is compressed with gzip")
def _(exchange: Exchange) -> None:
    assert_plain_http.compressed(exchange)


@then("the request is not answered as plain HTTP")
def _(exchange: Exchange) -> None:
    assert_plain_http.not_plain_http(exchange)


@when(
    parsers.parse("the agent reports a configuration of {size:d} bytes compressed with gzip"), target_fixture="exchange"
)
def _(context: ScenarioContext, agent: Agent, size: int) -> Exchange:
    return context.http.report_large_compressed(agent, size)


@when("the agent reports its full status in chunks", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.report_in_chunks(agent)


@when("the agent reports its full status compressed with gzip that has a file name", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.report_in_named_gzip(agent)


@then("the error is compressed with gzip")
def _(exchange: Exchange) -> None:
    assert_plain_http.error_compressed(exchange)


@when("the client sends bytes that are not protobuf and accepts gzip", target_fixture="exchange")
def _(context: ScenarioContext) -> Exchange:
    return context.malformed.not_protobuf_accepting_gzip()


@then("the response is not gzip without a Content-Encoding")
def _(exchange: Exchange) -> None:
    exchange_satisfies("http.response-body", exchange)
