"""Steps about reaching a server."""

from pytest_bdd import then

from opamp_conformance.assertions import identification as assert_identification
from opamp_conformance.assertions import status_reporting as assert_status_reporting
from opamp_conformance.wire.exchange import Exchange


@then("the server supports this transport")
def _(exchange: Exchange) -> None:
    assert_status_reporting.reachable(exchange)


@then("the message has an instance_uid")
def _(exchange: Exchange) -> None:
    assert_identification.addressed(exchange)
