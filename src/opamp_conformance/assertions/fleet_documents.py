"""The documents of agents in Elasticsearch (docs/fleet-contract.md). Each assertion waits for what it expects."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from opamp_conformance.actions.fleet_documents import Document, FleetDocuments
from opamp_conformance.assertions.common import require
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import SERVICE_NAME, Agent
from opamp_conformance.errors import Violation, ViolationError
from opamp_proto import opamp_pb2 as pb

_MARK: Final = "audit_unenrolled_reason"
_REENROLLED: Final = "reenrolled"


def identity(documents: FleetDocuments, instance_uid: bytes) -> None:
    name = str(UUID(bytes=instance_uid))
    _wait_for(documents, instance_uid, {"agent.id": name, "local_metadata.elastic.agent.id": name})


def kind(documents: FleetDocuments, agent: Agent) -> None:
    _wait_for(documents, agent.instance_uid, {"type": "OPAMP", "active": True, "agent.type": SERVICE_NAME})


def policy(documents: FleetDocuments, agent: Agent) -> None:
    _wait_for(documents, agent.instance_uid, {"policy_id": documents.policy_id})


def tags(documents: FleetDocuments, agent: Agent, own: Sequence[str]) -> None:
    _wait_for(documents, agent.instance_uid, {"tags": [SERVICE_NAME, *own]})


def metadata(documents: FleetDocuments, agent: Agent) -> None:
    expected = {
        "elastic.agent.name": SERVICE_NAME,
        "elastic.agent.version": sample_messages.VERSION,
        "host.hostname": sample_messages.HOST,
        "host.name": sample_messages.HOST,
        "os.platform": sample_messages.PLATFORM,
    }
    _wait_for(documents, agent.instance_uid, {f"local_metadata.{name}": value for name, value in expected.items()})


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


def status(documents: FleetDocuments, agent: Agent, expected: str) -> Document:
    return _wait_for(documents, agent.instance_uid, {"last_checkin_status": expected})


def no_secrets(documents: FleetDocuments, agent: Agent) -> None:
    """Assert that no secret is in the document, in any form, and that the rest of the configuration is."""
    expected = {f"effective_config.{path}": value for path, value in sample_messages.WITHOUT_SECRETS.items()}
    text = json.dumps(_wait_for(documents, agent.instance_uid, expected))
    for secret in sample_messages.SECRETS:
        require(
            not any(form in text for form in sample_messages.forms_of(secret)), "no secret of the agent", "one of them"
        )


def reenrolled(documents: FleetDocuments, agent: Agent) -> None:
    _wait_for(documents, agent.instance_uid, {_MARK: _REENROLLED})


def not_reenrolled(documents: FleetDocuments, agent: Agent) -> None:
    documents.wait_for(agent.instance_uid, lambda document: not document.get(_MARK), f"a document without {_MARK}")


def none(documents: FleetDocuments, agent: Agent) -> None:
    require(documents.get(agent.instance_uid) is None, "no document", "one of the refused agent")


def unchanged(documents: FleetDocuments, agent: Agent, before: Document) -> None:
    after = documents.get(agent.instance_uid)
    if after != before:
        differing = sorted(name for name in {*before, *(after or ())} if (after or {}).get(name) != before.get(name))
        raise ViolationError(Violation("the unchanged document", f"other values of {', '.join(differing)}"))


def _wait_for(documents: FleetDocuments, instance_uid: bytes, expected: Mapping[str, Any]) -> Document:
    def shows(document: Document) -> bool:
        return all(_at(document, path) == value for path, value in expected.items())

    expectation = ", ".join(f"{path}: {value!r}" for path, value in expected.items())
    return documents.wait_for(instance_uid, shows, f"a document with {expectation}")


def _at(document: Document, path: str) -> object:
    """Return the value at a path of names, separated by dots."""
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
