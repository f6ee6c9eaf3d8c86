"""The documents of agents in Elasticsearch (docs/fleet-contract.md). Each assertion waits for what it expects."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from opamp_conformance.actions.fleet_documents import Document, FleetDocuments
from opamp_conformance.assertions.common import require
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import HEALTHY, SERVICE_NAME, Agent
from opamp_conformance.errors import Violation, ViolationError
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import opamp_pb2 as pb

_MARK: Final = "audit_unenrolled_reason"
_MARKED_AT: Final = "audit_unenrolled_time"
_REENROLLED: Final = "reenrolled"
_OF_THE_AGENT: Final = (
    *("active", "agent", "capabilities", "effective_config", "health", "identifying_attributes"),
    *("last_checkin_message", "local_metadata", "namespaces", "non_identifying_attributes", "policy_id"),
    *("policy_revision_idx", "tags", "type"),
)
"""The fields that change only when the agent reports something else."""
_TIMES: Final = ("last_checkin", "updated_at")


def identity(documents: FleetDocuments, instance_uid: bytes) -> None:
    """Assert that a document has the instance_uid in both places, as text."""
    name = str(UUID(bytes=instance_uid))
    _wait_for(documents, instance_uid, {"agent.id": name, "local_metadata.elastic.agent.id": name})


def kind(documents: FleetDocuments, agent: Agent) -> None:
    """Assert that a document is that of an active agent of OpAMP."""
    _wait_for(documents, agent.instance_uid, {"type": "OPAMP", "active": True, "agent.type": SERVICE_NAME})


def policy(documents: FleetDocuments, instance_uid: bytes) -> None:
    """Assert that a document has the policy of the enrollment key, in its first revision."""
    _wait_for(documents, instance_uid, {"policy_id": documents.policy_id, "policy_revision_idx": 1})


def namespaces(documents: FleetDocuments, instance_uid: bytes) -> None:
    """Assert that a document has the namespaces of the enrollment key."""
    _wait_for(documents, instance_uid, {"namespaces": list(documents.namespaces)})


def report(documents: FleetDocuments, agent: Agent, instance_uid: bytes) -> None:
    """Assert that a document has the full report that its agent sent with the flag."""
    expected = {
        "identifying_attributes": {"service.name": SERVICE_NAME, "service.instance.id": agent.name},
        "sequence_num": agent.sequence_num,
        "last_checkin_message": HEALTHY,
    }
    _wait_for(documents, instance_uid, expected)


def like_enrolled(documents: FleetDocuments, agent: Agent, instance_uid: bytes, other: Agent) -> None:
    """Assert that the document of an agent differs from that of another one only in what identifies the agent."""
    actual = _unidentified(documents, instance_uid, agent.name)
    expected = _unidentified(documents, other.instance_uid, other.name)
    _require_same(actual, expected, "the document of another agent with the same report")


def kept(documents: FleetDocuments, agent: Agent, before: Document) -> None:
    """Assert that a document has what it had before, apart from what belongs to each message."""
    after = documents.get(agent.instance_uid) or {}
    _require_same(_of_the_agent(after), _of_the_agent(before), "what the document had before the last message")


def later(documents: FleetDocuments, agent: Agent, before: Document) -> None:
    """Assert that the times of the last message are later than before, and that of enrollment is the same."""

    def is_later(document: Document) -> bool:
        same = document.get("enrolled_at") == before.get("enrolled_at") is not None
        return same and all(_is_time_after(document.get(name), before.get(name)) for name in _TIMES)

    documents.wait_for(agent.instance_uid, is_later, f"a document with later times {' and '.join(_TIMES)}")


def last_error(documents: FleetDocuments, agent: Agent) -> None:
    """Assert that a document has the error that the agent reported, in both places."""
    expected = sample_messages.LAST_ERROR
    _wait_for(documents, agent.instance_uid, {"last_checkin_message": expected, "health.last_error": expected})


def component_health(documents: FleetDocuments, agent: Agent, depth: int) -> None:
    """Assert that the health has that of nested components."""
    path = ".".join(f"component_health_map.component/{level}" for level in range(depth, 0, -1))
    _wait_for(documents, agent.instance_uid, {f"health.{path}.status": HEALTHY})


def unhealthy(documents: FleetDocuments, agent: Agent) -> None:
    """Assert that a document has the status of the health that the agent reported."""
    expected = sample_messages.FATAL
    document = _wait_for(documents, agent.instance_uid, {"last_checkin_message": expected})
    actual = (document.get("health") or {}).get("status")
    require(actual == expected, f"health with the status {expected}", repr(actual))


def configuration(documents: FleetDocuments, agent: Agent, expected: Mapping[str, Any]) -> None:
    """Assert that a document has this effective configuration."""
    _wait_for(documents, agent.instance_uid, {"effective_config": expected})


def still_has_status(documents: FleetDocuments, agent: Agent, expected: str) -> None:
    """Assert that the last message of the agent has not changed its status."""
    document = _wait_for(documents, agent.instance_uid, {"sequence_num": agent.sequence_num})
    actual = document.get("last_checkin_status")
    require(actual == expected, f"last_checkin_status: {expected!r}, as before", repr(actual))


def tags(documents: FleetDocuments, agent: Agent, *expected: str) -> None:
    """Assert that a document has these tags, in this order."""
    _wait_for(documents, agent.instance_uid, {"tags": list(expected)})


def metadata(documents: FleetDocuments, agent: Agent) -> None:
    """Assert that a document has name, version, host and platform of the agent."""
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
    """Assert that a document has the attributes that the agent reported, of both kinds."""
    identifying = {
        "service.name": SERVICE_NAME,
        "service.instance.id": agent.name,
        "service.version": sample_messages.VERSION,
    }
    others = {"os.type": sample_messages.PLATFORM, "host.name": sample_messages.HOST}
    expected = {"identifying_attributes": identifying, "non_identifying_attributes": others}
    _wait_for(documents, agent.instance_uid, expected)


def capabilities(documents: FleetDocuments, agent: Agent) -> None:
    """Assert that a document has the names of the agent's capabilities."""
    names = sorted(
        name.rpartition("_")[2] for name, bit in pb.AgentCapabilities.items() if bit and agent.capabilities & bit
    )

    def has_them(document: Document) -> bool:
        return sorted(document.get("capabilities") or ()) == names

    documents.wait_for(agent.instance_uid, has_them, f"a document with the capabilities {', '.join(names)}")


def sequence_num(documents: FleetDocuments, agent: Agent) -> None:
    """Assert that a document has the agent's last sequence number."""
    _wait_for(documents, agent.instance_uid, {"sequence_num": agent.sequence_num})


def status(documents: FleetDocuments, agent: Agent, expected: str, *, by_search: bool = False) -> Document:
    """Assert that a document has this status; return the document. ``by_search`` looks where the server looks."""
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
    """Assert that a document has the mark of an agent that was enrolled anew, and its time."""
    document = _wait_for(documents, agent.instance_uid, {_MARK: _REENROLLED}, by_search=by_search)
    require(bool(document.get(_MARKED_AT)), f"{_MARKED_AT} with the mark", "none")


def not_reenrolled(documents: FleetDocuments, agent: Agent) -> None:
    """Assert that a document does not have the mark of an agent that was enrolled anew."""

    def is_unmarked(document: Document) -> bool:
        return not document.get(_MARK) and not document.get(_MARKED_AT)

    documents.wait_for(agent.instance_uid, is_unmarked, f"a document without {_MARK} and {_MARKED_AT}")


def none(documents: FleetDocuments, agent: Agent) -> None:
    """Assert that an agent has no document."""
    require(documents.get(agent.instance_uid) is None, "no document", "one of the refused agent")


def none_named(documents: FleetDocuments, agent: Agent) -> None:
    """Assert that no document is about the agent, under any instance_uid."""
    found = _named(documents, agent)
    require(not found, "no document about the refused agent", f"the document {', '.join(found)}")


def only_announced(documents: FleetDocuments, agent: Agent, exchange: Exchange) -> None:
    """Assert that no document is about the agent, except under the new_instance_uid of an exchange."""
    announced = exchange.new_instance_uid.hex()
    found = [name for name in _named(documents, agent) if name.replace("-", "") != announced]
    require(not found, "no document that the agent does not know of", f"the document {', '.join(found)}")


def unchanged(documents: FleetDocuments, agent: Agent, before: Document) -> None:
    """Assert that a document is the same as ``before``."""
    after = documents.get(agent.instance_uid)
    if after != before:
        differing = sorted(name for name in {*before, *(after or ())} if (after or {}).get(name) != before.get(name))
        raise ViolationError(Violation("the unchanged document", f"other values of {', '.join(differing)}"))


def _named(documents: FleetDocuments, agent: Agent) -> list[str]:
    """Return the ids of all documents about an agent."""
    return [
        document["agent"]["id"]
        for document in documents.latest()
        if (document.get("identifying_attributes") or {}).get("service.instance.id") == agent.name
    ]


def _is_reported(document: Document) -> bool:
    return bool(document.get("last_checkin_status"))


def _is_time_after(time: object, before: object) -> bool:
    """Return whether two texts are times (RFC 3339), and the first is later."""
    try:
        return datetime.fromisoformat(str(time)) > datetime.fromisoformat(str(before))
    except (TypeError, ValueError):
        return False


def _of_the_agent(document: Document) -> dict[str, Any]:
    """Return the fields that the agent determines, with the capabilities in order."""
    fields = {name: document.get(name) for name in _OF_THE_AGENT}
    return {**fields, "capabilities": sorted(fields["capabilities"] or ())}


def _unidentified(documents: FleetDocuments, instance_uid: bytes, name: str) -> dict[str, Any]:
    """Wait for a document; return these fields, the status and the mark, without the names of the agent."""
    document = documents.wait_for(instance_uid, _is_reported, "a document with a status")
    more = {field: document.get(field) for field in (_MARK, _MARKED_AT, "last_checkin_status")}
    text = json.dumps({**_of_the_agent(document), **more})
    return dict(json.loads(text.replace(str(UUID(bytes=instance_uid)), "").replace(name, "")))


def _require_same(actual: Mapping[str, Any], expected: Mapping[str, Any], what: str) -> None:
    differing = sorted(name for name in expected if actual.get(name) != expected[name])
    require(not differing, what, f"other values of {', '.join(differing)}")


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
