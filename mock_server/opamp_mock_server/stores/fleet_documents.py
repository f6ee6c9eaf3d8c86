"""Records of agents as documents in Elasticsearch, in the shape of ``.fleet-agents`` of Fleet Server.

Everything that the mock server reads again is under ``mock``, which is not indexed. The rest of the document may repeat
it. So a deviation can change the document without a change in what the server does.
"""

import base64
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from opamp_mock_server.core.agent_state import DEFAULT_NAMESPACES, AgentRecord
from opamp_mock_server.stores.redaction import attributes, cleaned
from opamp_proto import opamp_pb2 as pb

# Longer values stay in the document, but cannot be searched for.
_KEYWORD: Final = {"type": "keyword", "ignore_above": 1024}
_DATE: Final = {"type": "date"}
_UNSEEN: Final = {"type": "object", "enabled": False}
MAPPINGS: Final[Mapping[str, Any]] = {
    "dynamic": False,
    "properties": {
        "active": {"type": "boolean"},
        "agent": {"properties": {"id": _KEYWORD, "type": _KEYWORD, "version": _KEYWORD}},
        **dict.fromkeys(("enrolled_at", "last_checkin", "updated_at", "audit_unenrolled_time"), _DATE),
        **dict.fromkeys(
            ("audit_unenrolled_reason", "capabilities", "last_checkin_message", "last_checkin_status"), _KEYWORD
        ),
        **dict.fromkeys(("namespaces", "policy_id", "tags", "type", "unhealthy_reason"), _KEYWORD),
        "policy_revision_idx": {"type": "integer"},
        "sequence_num": {"type": "long", "ignore_malformed": True},
        **dict.fromkeys(
            (
                *("effective_config", "health", "identifying_attributes", "local_metadata", "mock"),
                "non_identifying_attributes",
            ),
            _UNSEEN,
        ),
    },
}

_CAPABILITIES: Final = {number: name.rpartition("_")[2] for name, number in pb.AgentCapabilities.items() if number}
_HASHES: Final = ("remote_config_hash", "connection_settings_hash", "packages_hash", "components_hash")


class Description(NamedTuple):
    """The report of an agent, without secrets: as a message, as JSON without its braces, and as one word."""

    reported: bytes
    json: str
    status: str


class StoredVersion(NamedTuple):
    """The notes of the store about a record: its version, and the parts that do not change with each message."""

    seq_no: int
    primary_term: int
    enrolled_at: str
    description: Description | None = None


def document_id(instance_uid: bytes) -> str:
    """Return an instance_uid as the text of a UUID. It runs for every message, so it does not use the uuid module."""
    text = instance_uid.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def instance_uid_of(document: str) -> bytes:
    return UUID(document).bytes


class FleetDocuments:
    """How records become documents. Each method is one decision, which a deviation can change.

    ``namespaces_of`` returns the namespaces of a policy.
    """

    def __init__(self, namespaces_of: Callable[[str], Sequence[str]] = lambda policy_id: DEFAULT_NAMESPACES) -> None:
        self._namespaces_of = namespaces_of

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        """Return the document of a record, as JSON."""
        now = timestamp()
        changing: dict[str, object] = {
            "active": True,
            "enrolled_at": enrolled_at,
            "updated_at": now,
            "last_checkin": now,
            "policy_id": record.policy_id,
            "namespaces": self.namespaces(record),
            "sequence_num": record.sequence_num,
            "last_checkin_status": description.status if record.connected else self.disconnected(),
            "capabilities": self.capabilities(record),
            "mock": _own(record),
        }
        changing |= self.reenrolled(now) if record.reenrolled else {}
        return f"{{{description.json},{json.dumps(changing)[1:]}"

    def description(self, record: AgentRecord) -> Description:
        """Return the part of a document that depends only on what the agent has reported."""
        status = pb.AgentToServer.FromString(record.reported)
        configurations = cleaned(status)
        described: dict[str, object] = {
            "type": self.type(),
            "policy_revision_idx": 1,
            "unhealthy_reason": None,
            **self.identity(record.instance_uid, status.agent_description),
        }
        if status.HasField("health"):
            described |= self.health(status.health)
        if configurations:
            described["effective_config"] = self.effective_config(record, configurations)
        return Description(status.SerializeToString(), json.dumps(described)[1:-1], self.status(status))

    def identity(self, instance_uid: bytes, described: pb.AgentDescription) -> dict[str, object]:
        """Return the fields that identify the agent."""
        identifying = attributes(described.identifying_attributes)
        other = attributes(described.non_identifying_attributes)
        tagged = other.pop("tags", "")
        name, version = _text(identifying, "service.name"), _text(identifying, "service.version")
        host, platform = _text(other, "host.name"), _text(other, "os.type")
        document = self.agent_id(instance_uid)
        return {
            "agent": {"id": document, "type": name, "version": version},
            "local_metadata": {
                "elastic": {"agent": {"id": document, "version": version, "name": name}},
                "host": {"hostname": host, "name": host},
                "os": {"platform": platform},
            },
            "identifying_attributes": identifying,
            "non_identifying_attributes": other,
            "tags": self.tags(name, str(tagged)),
        }

    def health(self, health: pb.ComponentHealth) -> dict[str, object]:
        """Return the fields about the last reported health."""
        return {"health": _health(health), "last_checkin_message": health.last_error or health.status}

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        """Return the configuration without secrets; ``configurations`` are all of the last report."""
        return configurations.get("", next(iter(configurations.values())))

    def namespaces(self, record: AgentRecord) -> list[str]:
        """Return the namespaces of the agent, which are those of its policy."""
        return list(self._namespaces_of(record.policy_id))

    def type(self) -> str:
        return "OPAMP"

    def agent_id(self, instance_uid: bytes) -> str:
        return document_id(instance_uid)

    def tags(self, name: str, tagged: str) -> list[str]:
        """Return the type of the agent and its own tags, each of them once."""
        return _once([name, *(tag.strip() for tag in tagged.split(","))])

    def status(self, status: pb.AgentToServer) -> str:
        """Return the status of a connected agent, from its last health report."""
        if not status.HasField("health"):
            return "online"
        if not status.health.healthy:
            return "error"
        return "degraded" if status.health.status == "StatusRecoverableError" else "online"

    def disconnected(self) -> str:
        return "disconnected"

    def reenrolled(self, now: str) -> dict[str, object]:
        """Return the fields that mark an agent that got another instance_uid."""
        return {"audit_unenrolled_reason": "reenrolled", "audit_unenrolled_time": now}

    def capabilities(self, record: AgentRecord) -> list[str]:
        return [name for bit, name in _CAPABILITIES.items() if record.capabilities & bit]

    def record(self, instance_uid: bytes, seq_no: int, primary_term: int, source: Mapping[str, Any]) -> AgentRecord:
        """Return the record that a document was made from."""
        own = source["mock"]
        return AgentRecord(
            instance_uid=instance_uid,
            sequence_num=own["sequence_num"],
            connected=own["connected"],
            capabilities=own["capabilities"],
            reported=base64.b64decode(own["reported"]),
            parts=own["parts"],
            **{name: base64.b64decode(own[name]) for name in _HASHES if name in own},
            custom_capabilities=tuple(own.get("custom_capabilities", ())),
            policy_id=own["policy_id"],
            reenrolled=own.get("reenrolled", False),
            instance=own.get("instance", ""),
            stored=StoredVersion(seq_no, primary_term, source["enrolled_at"]),
        )


def timestamp() -> str:
    """Return the current time in seconds, as Fleet Server writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _own(record: AgentRecord) -> dict[str, object]:
    own: dict[str, object] = {
        "sequence_num": record.sequence_num,
        "connected": record.connected,
        "capabilities": record.capabilities,
        "parts": record.parts,
        "policy_id": record.policy_id,
        "reported": base64.b64encode(record.reported).decode(),
    }
    own |= {name: base64.b64encode(value).decode() for name in _HASHES if (value := getattr(record, name))}
    own |= {"custom_capabilities": record.custom_capabilities} if record.custom_capabilities else {}
    own |= {"instance": record.instance} if record.instance else {}
    own |= {"reenrolled": True} if record.reenrolled else {}
    return own


def _health(health: pb.ComponentHealth) -> dict[str, object]:
    told: dict[str, object] = {field.name: value for field, value in health.ListFields()}
    told["healthy"] = health.healthy
    if health.component_health_map:
        told["component_health_map"] = {name: _health(part) for name, part in health.component_health_map.items()}
    if health.attributes:
        told["attributes"] = attributes(health.attributes)
    return told


def _text(values: Mapping[str, object], name: str) -> str:
    value = values.get(name, "")
    return value if isinstance(value, str) else json.dumps(value)


def _once(tags: Iterable[str]) -> list[str]:
    return [tag for tag in dict.fromkeys(tags) if tag]
