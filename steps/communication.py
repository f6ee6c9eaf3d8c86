"""Steps about reaching a server."""

from pytest_bdd import then

from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import identification as expect_identification
from opamp_conformance.expect import replies as expect_replies


@then("the server can be spoken to over this transport")
def _(exchange: Exchange) -> None:
    expect_replies.reachable(exchange)


@then("the message names an agent")
def _(exchange: Exchange) -> None:
    expect_identification.names_an_agent(exchange)
