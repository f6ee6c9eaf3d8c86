"""Steps about reaching a server."""

from pytest_bdd import then

from opamp_conformance import expect
from opamp_conformance.exchange import Exchange


@then("the server can be spoken to over this transport")
def _(exchange: Exchange) -> None:
    expect.reachable(exchange)


@then("the message names an agent")
def _(exchange: Exchange) -> None:
    expect.names_an_agent(exchange)
