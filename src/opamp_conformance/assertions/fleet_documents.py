"""The documents of agents in Elasticsearch (docs/fleet-contract.md). Each assertion waits for what it expects."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from opamp_conformance.actions.fleet_documents import Document, FleetDocuments
from opamp_conformance.assertions.common import require
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import HEALTHY, SERVICE_NAME, Agent
from opamp_conformance.errors import Violation, ViolationError
from opamp_proto import opamp_pb2 as pb

_MARK: Final = "audit_unenrolled_reason"
_REENROLLED: Final = "reenrolled"


def identity(documents: FleetDocuments, instance_uid: bytes) -> None:
    name = str(UUID(bytes=instance_uid))
    _wait_for(documents, instance_uid, {"agent.id": name, "local_metadata.elastic.agent.id": name})


def kind(documents: FleetDocuments, agent: Agent) -> None:
    _wait_for(documents, agent.instance_uid, {"type": "OPAMP", "active": True, "agent.type": SERVICE_NAME})


def policy(documents: FleetDocuments, instance_uid: bytes) -> None:
    _wait_for(documents, instance_uid, {"policy_id": documents.policy_id})


def namespaces(documents: FleetDocuments, agent: Agent) -> None:
    _wait_for(documents, agent.instance_uid, {"namespaces": list(documents.namespaces)})


def report(documents: FleetDocuments, agent: Agent, instance_uid: bytes) -> None:
    """Assert that a document has the full report that its agent sent with the flag."""
    expected = {
        "identifying_attributes": {"service.name": SERVICE_NAME, "service.instance.id": agent.name},
        "sequence_num": agent.sequence_num,
        "last_checkin_message": HEALTHY,
    }
    _wait_for(documents, instance_uid, expected)


def unhealthy(documents: FleetDocuments, agent: Agent) -> None:
    expected = sample_messages.FATAL
    document = _wait_for(documents, agent.instance_uid, {"last_checkin_message": expected})
    actual = (document.get("health") or {}).get("status")
    require(actual == expected, f"health with the status {expected}", repr(actual))


def configuration(documents: FleetDocuments, agent: Agent, expected: Mapping[str, Any]) -> None:
    _wait_for(documents, agent.instance_uid, {"effective_config": expected})


def still_has_status(documents: FleetDocuments, agent: Agent, expected: str) -> None:
    """Assert that the last message of the agent has not changed its status."""
    document = _wait_for(documents, agent.instance_uid, {"sequence_num": agent.sequence_num})
    actual = document.get("last_checkin_status")
    require(actual == expected, f"last_checkin_status: {expected!r}, as before", repr(actual))


def tags(documents: FleetDocuments, agent: Agent, own: Sequence[str]) -> None:
    _wait_for(documents, agent.instance_uid, {"tags": [SERVICE_NAME, *own]})


def metadata(documents: FleetDocuments, agent: Agent) -> None:
    expected = {
        "agent.version": sample_messages.VERSION,
        "local_metadata.elastic.agent.name": SERVICE_NAME,
        "local_metadata.elastic.agent.version": sample_messages.VERSION,
        "local_metadata.host.hostname": sample_messages.HOST,
        "local_metadata.host.name": sample_messages.HOST,
        "local_metadata.os.platform": sample_messages.PLATFORM,
    }
    _wait_for(documents, agent.instance_uid, expected)


def attributes(documents: FleetDocuments, agent: Agent) -> None:
    identifying = {
        "service.name": SERVICE_NAME,
        "service.instance.id": agent.name,
        "service.version": sample_messages.VERSION,
    }
    others = {"os.type": sample_messages.PLATFORM, "host.name": sample_messages.HOST}
    expected = {"identifying_attributes": identifying, "non_identifying_attributes": others}
    _wait_for(documents, agent.instance_uid, expected)


def capabilities(documents: FleetDocuments, agent: Agent) -> None:
    names = sorted(
        name.rpartition("_")[2] for name, bit in pb.AgentCapabilities.items() if bit and agent.capabilities & bit
    )

    def has_them(document: Document) -> bool:
        return sorted(document.get("capabilities") or ()) == names

    documents.wait_for(agent.instance_uid, has_them, f"a document with the capabilities {', '.join(names)}")


def sequence_num(documents: FleetDocuments, agent: Agent) -> None:
    _wait_for(documents, agent.instance_uid, {"sequence_num": agent.sequence_num})


def status(documents: FleetDocuments, agent: Agent, expected: str, *, by_search: bool = False) -> Document:
    return _wait_for(documents, agent.instance_uid, {"last_checkin_status": expected}, by_search=by_search)


def no_secrets(documents: FleetDocuments, agent: Agent) -> None:
    """Assert that no secret is in the document, in any form, and that the rest of the configuration is.

    What stands in the place of a secret does not matter.
    """
    expected = {f"effective_config.{path}": value for path, value in sample_messages.NO_SECRETS.items()}
    text = json.dumps(_wait_for(documents, agent.instance_uid, expected))
    for secret in sample_messages.SECRETS:
        require(
            not any(form in text for form in sample_messages.forms_of(secret)), "no secret of the agent", "one of them"
        )


def reenrolled(documents: FleetDocuments, agent: Agent, *, by_search: bool = False) -> None:
    _wait_for(documents, agent.instance_uid, {_MARK: _REENROLLED}, by_search=by_search)


def not_reenrolled(documents: FleetDocuments, agent: Agent) -> None:
    documents.wait_for(agent.instance_uid, lambda document: not document.get(_MARK), f"a document without {_MARK}")


def none(documents: FleetDocuments, agent: Agent) -> None:
    require(documents.get(agent.instance_uid) is None, "no document", "one of the refused agent")


def none_named(documents: FleetDocuments, agent: Agent) -> None:
    """Assert that no document is about the agent, under any instance_uid."""
    found = [
        document["agent"]["id"]
        for document in documents.latest()
        if (document.get("identifying_attributes") or {}).get("service.instance.id") == agent.name
    ]
    require(not found, "no document about the refused agent", f"the document {', '.join(found)}")


def unchanged(documents: FleetDocuments, agent: Agent, before: Document) -> None:
    after = documents.get(agent.instance_uid)
    if after != before:
        differing = sorted(name for name in {*before, *(after or ())} if (after or {}).get(name) != before.get(name))
        raise ViolationError(Violation("the unchanged document", f"other values of {', '.join(differing)}"))


def _wait_for(
    documents: FleetDocuments, instance_uid: bytes, expected: Mapping[str, Any], *, by_search: bool = False
) -> Document:
    def shows(document: Document) -> bool:
        return all(_at(document, path) == value for path, value in expected.items())

    expectation = ", ".join(f"{path}: {value!r}" for path, value in expected.items())
    return documents.wait_for(instance_uid, shows, f"a document with {expectation}", by_search=by_search)


def _at(document: Document, path: str) -> object:
    """Return the value at a path of names, separated by dots."""
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
