"""Deviations from the documents of Fleet Server: the effective configuration, and its secrets."""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import FleetCore, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.stores.fleet_documents import Description, FleetDocuments
from opamp_mock_server.stores.redaction import REDACTED
from opamp_proto import opamp_pb2 as pb

_AT_ONCE_SECONDS = 5.0
"""Longer than two messages in a row take, on a busy machine too."""


@breaks("fleet.document.configuration:at-once")
class PendingReportReplaced(FleetCore):
    """A check-in right after a report replaces the report, except for the sequence number."""

    _before: Mapping[bytes, tuple[float, AgentRecord]] = MappingProxyType({})

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        now, has_report = time.monotonic(), message.HasField("health") or message.HasField("effective_config")
        began, before = self._before.get(known.instance_uid, (0.0, known))
        if has_report:
            self._before = {**self._before, known.instance_uid: (now, known)}
        if has_report or now - began > _AT_ONCE_SECONDS:
            return outcome
        return outcome._replace(put=tuple(record._replace(reported=before.reported) for record in outcome.put))


@breaks("fleet.document.configuration:merged")
class ConfigurationMerged(FleetDocuments):
    """A configuration is merged with the one before."""

    _before: Mapping[bytes, dict[str, object]] = MappingProxyType({})

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        told = super().effective_config(record, configurations)
        merged = {**self._before.get(record.instance_uid, {}), **(told if isinstance(told, dict) else {})}
        self._before = {**self._before, record.instance_uid: merged}
        return merged


@breaks("fleet.document.configuration:among-several")
class ConfigurationWithAName(FleetDocuments):
    """Of several configurations, the document has one whose key is not empty."""

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        return configurations[max(configurations)]


@breaks("fleet.document.configuration")
class FirstConfigurationKept(FleetDocuments):
    """The document keeps the first effective configuration of an agent."""

    _first: Mapping[bytes, object] = MappingProxyType({})

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        self._first = {record.instance_uid: super().effective_config(record, configurations), **self._first}
        return self._first[record.instance_uid]


@breaks("fleet.document.secrets:in-lists")
class SecretsInListsStored(FleetDocuments):
    """Secrets in lists of names and values are stored."""

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        return _with_secrets(record, super().effective_config(record, configurations), lambda key, _: key == "value")


@breaks("fleet.document.secrets:no-texts")
class SecretsThatAreNoTextsStored(FleetDocuments):
    """Lists and numbers under keys of secrets are stored."""

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        cleaned = super().effective_config(record, configurations)
        return _with_secrets(record, cleaned, lambda _, value: not isinstance(value, str))


@breaks("fleet.document.secrets:capitals")
class SecretsInCapitalsStored(FleetDocuments):
    """Secrets are stored if their key has capital letters."""

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        return _with_secrets(
            record, super().effective_config(record, configurations), lambda key, _: key != key.lower()
        )


@breaks("fleet.document.secrets:later")
class SecretsOfLaterReportsStored(FleetDocuments):
    """The secrets are removed from the first configuration of an enrolled agent, but not from later ones."""

    _known: frozenset[bytes] = frozenset()

    def description(self, record: AgentRecord) -> Description:
        description = super().description(record)
        self._known |= {record.instance_uid}
        return description

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        cleaned, is_known = super().effective_config(record, configurations), record.instance_uid in self._known
        return _with_secrets(record, cleaned, lambda _, __: is_known)


@breaks("fleet.document.secrets")
class SecretsInStoredReport(FleetDocuments):
    """Secrets are removed from effective_config, but not from the report that the document also contains."""

    def description(self, record: AgentRecord) -> Description:
        return super().description(record)._replace(reported=record.reported)


def _with_secrets(record: AgentRecord, cleaned: object, is_stored: Callable[[str, object], bool]) -> object:
    """Return a configuration with those of its secrets that are stored, by their key and value."""
    import yaml  # noqa: PLC0415 (part of an extra)

    reported = pb.AgentToServer.FromString(record.reported)
    return _restored(cleaned, yaml.safe_load(reported.effective_config.config_map.config_map[""].body), is_stored)


def _restored(cleaned: Any, reported: Any, is_stored: Callable[[str, object], bool]) -> object:
    if isinstance(cleaned, dict):
        return {
            key: reported[key]
            if value == REDACTED and is_stored(key, reported[key])
            else _restored(value, reported[key], is_stored)
            for key, value in cleaned.items()
        }
    if isinstance(cleaned, list):
        return [_restored(*pair, is_stored) for pair in zip(cleaned, reported, strict=True)]
    return cleaned
