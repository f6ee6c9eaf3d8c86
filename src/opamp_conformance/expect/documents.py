"""What documents of a fleet must tell: the Thens of the second witness. Each waits for what it looks for."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from opamp_conformance import messages
from opamp_conformance.agent import SERVICE_NAME, Agent
from opamp_conformance.errors import Breach
from opamp_conformance.expect import that
from opamp_conformance.witness import Document, Witness
from opamp_proto import opamp_pb2 as pb

_MARK: Final = "audit_unenrolled_reason"
_REENROLLED: Final = "reenrolled"


def identity(witness: Witness, instance_uid: bytes) -> None:
    name = str(UUID(bytes=instance_uid))
    _await(witness, instance_uid, {"agent.id": name, "local_metadata.elastic.agent.id": name})


def kind(witness: Witness, agent: Agent) -> None:
    _await(witness, agent.instance_uid, {"type": "OPAMP", "active": True, "agent.type": SERVICE_NAME})


def policy(witness: Witness, agent: Agent) -> None:
    _await(witness, agent.instance_uid, {"policy_id": witness.policy_id})


def tags(witness: Witness, agent: Agent, own: Sequence[str]) -> None:
    _await(witness, agent.instance_uid, {"tags": [SERVICE_NAME, *own]})


def metadata(witness: Witness, agent: Agent) -> None:
    expected = {
        "elastic.agent.name": SERVICE_NAME,
        "elastic.agent.version": messages.VERSION,
        "host.hostname": messages.HOST,
        "host.name": messages.HOST,
        "os.platform": messages.PLATFORM,
    }
    _await(witness, agent.instance_uid, {f"local_metadata.{name}": value for name, value in expected.items()})


def attributes(witness: Witness, agent: Agent) -> None:
    identifying = {"service.name": SERVICE_NAME, "service.instance.id": agent.run, "service.version": messages.VERSION}
    others = {"os.type": messages.PLATFORM, "host.name": messages.HOST}
    expected = {"identifying_attributes": identifying, "non_identifying_attributes": others}
    _await(witness, agent.instance_uid, expected)


def capabilities(witness: Witness, agent: Agent) -> None:
    names = sorted(
        name.rpartition("_")[2] for name, bit in pb.AgentCapabilities.items() if bit and agent.capabilities & bit
    )

    def names_them(document: Document) -> bool:
        return sorted(document.get("capabilities") or ()) == names

    witness.await_document(agent.instance_uid, names_them, f"a document with the capabilities {', '.join(names)}")


def sequence_num(witness: Witness, agent: Agent) -> None:
    _await(witness, agent.instance_uid, {"sequence_num": agent.sequence_num})


def status(witness: Witness, agent: Agent, expected: str) -> Document:
    return _await(witness, agent.instance_uid, {"last_checkin_status": expected})


def no_secrets(witness: Witness, agent: Agent) -> None:
    """Assert that no secret is anywhere in the document, in whatever form, and that the rest is."""
    expected = {f"effective_config.{path}": value for path, value in messages.WITHOUT_SECRETS.items()}
    text = json.dumps(_await(witness, agent.instance_uid, expected))
    for secret in messages.SECRETS:
        that(not any(form in text for form in messages.forms_of(secret)), "no secret of the agent", "one of them")


def reenrolled(witness: Witness, agent: Agent) -> None:
    _await(witness, agent.instance_uid, {_MARK: _REENROLLED})


def not_reenrolled(witness: Witness, agent: Agent) -> None:
    witness.await_document(agent.instance_uid, lambda document: not document.get(_MARK), f"a document without {_MARK}")


def none(witness: Witness, agent: Agent) -> None:
    that(witness.document(agent.instance_uid) is None, "no document", "one of the refused agent")


def unchanged(witness: Witness, agent: Agent, before: Document) -> None:
    after = witness.document(agent.instance_uid)
    if after != before:
        differing = sorted(name for name in {*before, *(after or ())} if (after or {}).get(name) != before.get(name))
        raise Breach("the document as it was", f"others in {', '.join(differing)}")


def _await(witness: Witness, instance_uid: bytes, expected: Mapping[str, Any]) -> Document:
    def shows(document: Document) -> bool:
        return all(_at(document, path) == value for path, value in expected.items())

    told = ", ".join(f"{path}: {value!r}" for path, value in expected.items())
    return witness.await_document(instance_uid, shows, f"a document with {told}")


def _at(document: Document, path: str) -> object:
    """Return what is at a path of names with dots between; a name may hold dots itself only at its end."""
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
