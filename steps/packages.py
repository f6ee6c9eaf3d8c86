"""Steps about packages."""

from pytest_bdd import given, then, when

from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import downloads as expect_downloads
from opamp_conformance.expect import offers as expect_offers
from opamp_conformance.scene import Scene
from opamp_conformance.transports.http import Response

CONTENT = b"what the package holds"


@given("a server that offers packages")
def _(scene: Scene) -> None:
    scene.operator.require("OffersPackages")


@given("the agent has been offered a package", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.offered.package(agent, CONTENT)


@given("the agent has taken a package", target_fixture="exchange_before")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.offered.take_package(agent, CONTENT)


@when("the operator offers the agent a package")
def _(scene: Scene, agent: Agent) -> None:
    scene.operator.offer_package(agent, content=CONTENT)


@when("the operator offers the agent the package with another content")
def _(scene: Scene, agent: Agent) -> None:
    scene.operator.offer_package(agent, content=b"something else")


@when("the operator offers the agent the package in another version")
def _(scene: Scene, agent: Agent) -> None:
    scene.operator.offer_package(agent, version="1.0.1", content=CONTENT)


@when("the agent reports that it has other packages", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    agent.packages_hash = b"the hash of others"
    return scene.client.send(agent.package_statuses())


@when("the agent reports that it has no packages", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    agent.packages_hash = b""
    return scene.client.send(agent.package_statuses())


@when("the agent downloads the package", target_fixture="download")
def _(scene: Scene, exchange: Exchange) -> Response:
    return scene.offered.download(exchange)


@when("the agent downloads the package from its 4th byte on", target_fixture="download")
def _(scene: Scene, exchange: Exchange) -> Response:
    return scene.offered.download(exchange, first_byte=3)


@then("the package is offered")
def _(exchange: Exchange) -> None:
    expect_offers.package(exchange)


@then("no packages are offered")
def _(exchange: Exchange) -> None:
    expect_offers.no_packages(exchange)


@then("all packages together have a hash")
def _(exchange: Exchange) -> None:
    expect_offers.all_packages_hash(exchange)


@then("the hashes of the packages have 16 bytes or more")
def _(exchange: Exchange) -> None:
    expect_offers.long_hashes(exchange)


@then("the package is a top-level package")
def _(exchange: Exchange) -> None:
    expect_offers.top_level(exchange)


@then("the hash of the file is the SHA-256 of its content")
def _(exchange: Exchange) -> None:
    expect_offers.sha256_of(exchange, CONTENT)


@then("the file has come whole")
def _(download: Response) -> None:
    expect_downloads.whole(download, CONTENT)


@then("the rest of the file has come")
def _(download: Response) -> None:
    expect_downloads.rest(download, CONTENT[3:])


@then("all packages together have another hash than before")
def _(exchange: Exchange, agent: Agent) -> None:
    expect_offers.another_all_packages_hash(exchange, agent.packages_hash)


@then("the package has another hash than before")
def _(exchange: Exchange, exchange_before: Exchange) -> None:
    expect_offers.another_package_hash(exchange, exchange_before)
