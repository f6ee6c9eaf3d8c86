"""Steps about the packages of an agent."""

from pytest_bdd import given, then, when

from opamp_conformance.actions.agent_side import packages as package_actions
from opamp_conformance.actions.agent_side.packages import Package
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.assertions.agent_side import connection_settings as assert_settings
from opamp_conformance.assertions.agent_side import packages as assert_packages
from opamp_proto import opamp_pb2 as pb

PACKAGE, OTHER, MISSING = Package("First-Package"), Package("second"), Package("missing", is_missing=True)
NEWER, OLDER = PACKAGE.changed(version="2.0", file="other"), PACKAGE.changed(version="0.9", file="other")
NEWER_MISSING = PACKAGE.changed(version="2.0", is_missing=True)
FIRST_MISSING = Package("AAA-missing", is_missing=True)
ALSO_MISSING = Package("ZZZ-missing", is_missing=True)
FOUND = Package("missing", version="2.0")


@given("an agent that has installed a package from the server")
def _(agent_session: AgentSession) -> None:
    package_actions.start_with(agent_session, PACKAGE)


@given("an agent that has installed two packages from the server")
def _(agent_session: AgentSession) -> None:
    package_actions.start_with(agent_session, PACKAGE, OTHER)


@given("the agent has failed to install a package whose file was missing")
def _(agent_session: AgentSession) -> None:
    package_actions.let_fail(agent_session, MISSING)


@when("the server offers the agent a package", target_fixture="available")
def _(agent_session: AgentSession) -> pb.PackagesAvailable:
    return package_actions.offer(agent_session, [PACKAGE])


@when("the server offers the agent two packages", target_fixture="available")
def _(agent_session: AgentSession) -> pb.PackagesAvailable:
    return package_actions.offer(agent_session, [PACKAGE, OTHER])


@when("the server offers the agent a package whose file is missing", target_fixture="available")
def _(agent_session: AgentSession) -> pb.PackagesAvailable:
    return package_actions.offer(agent_session, [MISSING])


@when("the server offers the same package again", target_fixture="offered")
def _(agent_session: AgentSession) -> Package:
    package_actions.offer(agent_session, [PACKAGE])
    return PACKAGE


@when("the server offers the same package, with another hash of all packages", target_fixture="offered")
def _(agent_session: AgentSession) -> Package:
    package_actions.offer(agent_session, [PACKAGE], aggregate="another")
    return PACKAGE


@when("the server offers a new version of the package, with another file", target_fixture="available")
def _(agent_session: AgentSession) -> pb.PackagesAvailable:
    return package_actions.offer(agent_session, [NEWER])


@when("the server offers a new version of the package, whose file is missing", target_fixture="available")
def _(agent_session: AgentSession) -> pb.PackagesAvailable:
    return package_actions.offer(agent_session, [NEWER_MISSING])


@when("the server offers an older version of the package, with another file", target_fixture="available")
def _(agent_session: AgentSession) -> pb.PackagesAvailable:
    return package_actions.offer(agent_session, [OLDER])


@when("the server offers the agent a package between two packages whose files are missing", target_fixture="available")
def _(agent_session: AgentSession) -> pb.PackagesAvailable:
    return package_actions.offer(agent_session, [FIRST_MISSING, PACKAGE, ALSO_MISSING])


@when(
    "the server offers the same version of the package, with another hash and another file", target_fixture="available"
)
def _(agent_session: AgentSession) -> pb.PackagesAvailable:
    return package_actions.offer(agent_session, [PACKAGE.changed(build="another", file="other")])


@when("the server offers another package beside it", target_fixture="available")
def _(agent_session: AgentSession) -> pb.PackagesAvailable:
    return package_actions.offer(agent_session, [PACKAGE, OTHER])


@when("the server offers the package with its file", target_fixture="available")
def _(agent_session: AgentSession) -> pb.PackagesAvailable:
    return package_actions.offer(agent_session, [FOUND])


@when("the server offers only one of them", target_fixture="available")
def _(agent_session: AgentSession) -> pb.PackagesAvailable:
    return package_actions.offer(agent_session, [PACKAGE])


@then("the agent downloads the package")
def _(agent_session: AgentSession) -> None:
    package_actions.download(agent_session, PACKAGE)


@then("the agent does not download the package")
def _(agent_session: AgentSession) -> None:
    assert_packages.not_downloaded(agent_session.soon(PACKAGE.path), "the agent accepts no packages")


@then("the agent downloads the other file")
def _(agent_session: AgentSession) -> None:
    package_actions.download(agent_session, PACKAGE.changed(file="other"))


@then("the agent downloads the package with GET")
def _(agent_session: AgentSession) -> None:
    assert_packages.uses_get(package_actions.download(agent_session, PACKAGE))


@then("the agent downloads the package with the offered headers")
def _(agent_session: AgentSession) -> None:
    assert_settings.has_headers(package_actions.download(agent_session, PACKAGE))


@then("the agent downloads the other package with the offered headers")
def _(agent_session: AgentSession) -> None:
    assert_settings.has_headers(package_actions.download(agent_session, OTHER))


@then("the agent's first message has what was offered of the package")
def _(agent_session: AgentSession) -> None:
    assert_packages.tells_offer(package_actions.kept(agent_session, PACKAGE), PACKAGE)


@then("the agent does not download the package again")
def _(agent_session: AgentSession, offered: Package) -> None:
    requests = package_actions.downloads_before_another(agent_session, offered)
    assert_packages.not_downloaded(requests, "the agent has the file")


@then("the agent reports the outcome of each package")
def _(agent_session: AgentSession, available: pb.PackagesAvailable) -> None:
    package_actions.final_report(agent_session, available)


@then("the agent reports the hash of all packages as it was offered")
def _(agent_session: AgentSession, available: pb.PackagesAvailable) -> None:
    assert_packages.echoes_hash(package_actions.outcome(agent_session, available), available)


@then("the agent reports that it has the package")
def _(agent_session: AgentSession, available: pb.PackagesAvailable) -> None:
    assert_packages.has_package(package_actions.installed(agent_session, available), PACKAGE)


@then("the agent reports that it has the new version of the package")
def _(agent_session: AgentSession, available: pb.PackagesAvailable) -> None:
    assert_packages.has_package(package_actions.installed(agent_session, available), NEWER)


@then("the agent does not report that it has the new version of the package")
def _(agent_session: AgentSession, available: pb.PackagesAvailable) -> None:
    assert_packages.has_none_or(package_actions.outcome(agent_session, available), PACKAGE)


@then("the agent reports that it has that package")
def _(agent_session: AgentSession, available: pb.PackagesAvailable) -> None:
    assert_packages.has_package(package_actions.outcome(agent_session, available), FOUND)


@then("the agent reports what was offered of the package")
def _(agent_session: AgentSession, available: pb.PackagesAvailable) -> None:
    assert_packages.tells_offer(package_actions.outcome(agent_session, available), PACKAGE)


@then("the agent reports that it does not have the package")
def _(agent_session: AgentSession, available: pb.PackagesAvailable) -> None:
    assert_packages.lacks_package(package_actions.outcome(agent_session, available), MISSING)


@then("the agent reports that the package has failed")
def _(agent_session: AgentSession, available: pb.PackagesAvailable) -> None:
    assert_packages.has_failed(package_actions.outcome(agent_session, available), MISSING)


@then("the agent reports both packages")
def _(agent_session: AgentSession, available: pb.PackagesAvailable) -> None:
    assert_packages.lists(package_actions.statuses_during(agent_session, available), PACKAGE, OTHER)


@then("the agent does not report the other one any more")
def _(agent_session: AgentSession) -> None:
    assert_packages.is_not_listed(package_actions.report_without(agent_session, OTHER), OTHER)


@then("each package has its name")
def _(agent_session: AgentSession, available: pb.PackagesAvailable) -> None:
    assert_packages.keys_are_names(package_actions.outcome(agent_session, available))
