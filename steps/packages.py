"""Steps about packages."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.actions.offers import VERSION
from opamp_conformance.assertions import packages as assert_packages
from opamp_conformance.assertions.common import satisfies
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import Agent, other_hash
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpResponse

CONTENT = b"what the package holds"


@given("a server that offers packages")
def _(context: ScenarioContext) -> None:
    context.offers.require("OffersPackages")


@given("the operator has defined a package for the agent")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.define_package(agent)


@given("the agent has received a package", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.offers.receive_package(agent, CONTENT)


@given("the agent has applied a package", target_fixture="exchange_before")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.offers.apply_package(agent, CONTENT)


@when("the operator offers the agent a package")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.offer_package(agent, content=CONTENT)


@when(parsers.parse('the operator offers the agent the packages "{first}" and "{second}"'))
def _(context: ScenarioContext, agent: Agent, first: str, second: str) -> None:
    context.offers.offer_packages(agent, first, second)


@when(parsers.parse('the operator offers the agent the package "{name}"'))
def _(context: ScenarioContext, agent: Agent, name: str) -> None:
    context.offers.offer_package_named(agent, name, CONTENT)


@when("the operator offers the agent the package with another content")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.offer_package(agent, content=b"something else")


@when("the operator offers the agent the package in another version")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.offer_package(agent, version="1.0.1", content=CONTENT)


@when("the agent reports that it has other packages", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.packages_hash = other_hash(agent.packages_hash)
    return context.client.send(agent.package_statuses())


@when("the agent reports that it has failed to install other packages", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.packages_hash = other_hash(agent.packages_hash)
    return context.client.send(sample_messages.with_package_error(agent))


@when("the agent reports that it has no packages", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.packages_hash, agent.packages = b"", {}
    return context.client.send(agent.package_statuses())


@when("the agent downloads the package", target_fixture="download")
def _(context: ScenarioContext, exchange: Exchange) -> HttpResponse:
    return context.offers.download(exchange)


@then("the package is offered")
def _(exchange: Exchange) -> None:
    assert_packages.offered(exchange)


@then("a package is offered")
def _(exchange: Exchange) -> None:
    assert_packages.any_offered(exchange)


@then("the package is offered again")
def _(exchange: Exchange, exchange_before: Exchange) -> None:
    assert_packages.offered_again(exchange, exchange_before)


@then("the package is offered again under the same hash")
def _(exchange: Exchange, exchange_before: Exchange) -> None:
    assert_packages.same_hashes(exchange, exchange_before)


@then("no packages are offered")
def _(exchange: Exchange) -> None:
    assert_packages.none_offered(exchange)


@then(parsers.parse('the packages "{first}" and "{second}" are offered'))
def _(exchange: Exchange, first: str, second: str) -> None:
    assert_packages.all_offered(exchange, first, second)


@then("the package has the version that the operator gave it")
def _(exchange: Exchange) -> None:
    assert_packages.version(exchange, VERSION)


@then("the offer has a hash of all packages")
def _(exchange: Exchange) -> None:
    satisfies("packages.all-hash-set", exchange)


@then("the hashes of the packages have 16 bytes or more")
def _(exchange: Exchange) -> None:
    assert_packages.long_hashes(exchange)


@then("the package is a top-level package")
def _(exchange: Exchange) -> None:
    assert_packages.top_level(exchange)


@given("the agent has downloaded all packages", target_fixture="earlier_downloads")
def _(context: ScenarioContext, exchange: Exchange) -> dict[str, HttpResponse]:
    return context.offers.download_all(exchange)


@when("the agent downloads all packages from their 4th byte on", target_fixture="downloads")
def _(context: ScenarioContext, exchange: Exchange) -> dict[str, HttpResponse]:
    return context.offers.download_all(exchange, part="bytes=3-")


@when("the agent downloads the first 4 bytes of all packages", target_fixture="downloads")
def _(context: ScenarioContext, exchange: Exchange) -> dict[str, HttpResponse]:
    return context.offers.download_all(exchange, part="bytes=0-3")


@then("each download brings the first 4 bytes of the file")
def _(downloads: dict[str, HttpResponse], earlier_downloads: dict[str, HttpResponse]) -> None:
    assert_packages.first_bytes(downloads, earlier_downloads, 4)


@then("each download brings the rest of the file")
def _(downloads: dict[str, HttpResponse], earlier_downloads: dict[str, HttpResponse]) -> None:
    assert_packages.all_resumed(downloads, earlier_downloads)


@when("the agent downloads all packages", target_fixture="downloads")
def _(context: ScenarioContext, exchange: Exchange) -> dict[str, HttpResponse]:
    return context.offers.download_all(exchange)


@then("the hash of each file is the SHA-256 of its content")
def _(exchange: Exchange, downloads: dict[str, HttpResponse]) -> None:
    assert_packages.sha256_of_each(exchange, downloads)


@then("each download brings a file")
def _(downloads: dict[str, HttpResponse]) -> None:
    assert_packages.all_downloaded(downloads)


@then("the agent has the whole file")
def _(download: HttpResponse) -> None:
    assert_packages.downloaded(download, CONTENT)


@then("the hash of all packages differs from the one before")
def _(exchange: Exchange, agent: Agent) -> None:
    assert_packages.another_all_packages_hash(exchange, agent.packages_hash)


@then("the hash of the package differs from the one before")
def _(exchange: Exchange, exchange_before: Exchange) -> None:
    assert_packages.another_package_hash(exchange, exchange_before)
