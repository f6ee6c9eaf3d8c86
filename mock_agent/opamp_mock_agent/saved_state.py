"""What an agent keeps over a restart, in one file of its state folder."""

import json
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from opamp_mock_agent.errors import SettingsError
from opamp_proto import opamp_pb2 as pb

_FILE: Final = "agent.json"


@dataclass
class SavedState:
    """The identity of an agent, and what the server has given it. Everything is empty at first.

    ``settings`` are the OpAMP settings that the agent has accepted; ``candidate`` is an offer that it tries, so that a
    crash in between does not lose it (opamp-offer.client-saves-candidate).
    """

    instance_uid: bytes = b""
    remote_config: pb.AgentRemoteConfig = field(default_factory=pb.AgentRemoteConfig)
    remote_config_status: pb.RemoteConfigStatus = field(default_factory=pb.RemoteConfigStatus)
    settings: pb.OpAMPConnectionSettings = field(default_factory=pb.OpAMPConnectionSettings)
    candidate: pb.ConnectionSettingsOffers = field(default_factory=pb.ConnectionSettingsOffers)
    settings_status: pb.ConnectionSettingsStatus = field(default_factory=pb.ConnectionSettingsStatus)
    telemetry: pb.ConnectionSettingsOffers = field(default_factory=pb.ConnectionSettingsOffers)
    package_statuses: pb.PackageStatuses = field(default_factory=pb.PackageStatuses)
    heartbeat: float | None = None
    """The interval of heartbeats that the server has offered, in seconds; 0 turns them off."""
    file_hashes: dict[str, bytes] = field(default_factory=dict)
    """The content_hash of the file of each package."""
    certificate_key: bytes = b""
    """The private key of the last request for a certificate, in PEM."""


_MESSAGES: Final = (
    *("remote_config", "remote_config_status", "settings", "candidate", "settings_status", "telemetry"),
    "package_statuses",
)


def load_state(folder: Path | None) -> SavedState:
    """Read what was saved; raises SettingsError if the folder or the file cannot be used."""
    state = SavedState()
    if folder is None:
        return state
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _FILE
        if not path.exists():
            return state
        saved = json.loads(path.read_text(encoding="utf-8"))
        state.instance_uid = bytes.fromhex(saved["instance_uid"])
        state.heartbeat = saved["heartbeat"]
        state.file_hashes = {name: bytes.fromhex(value) for name, value in saved["file_hashes"].items()}
        state.certificate_key = saved.get("certificate_key", "").encode()
        for name in _MESSAGES:
            getattr(state, name).ParseFromString(b64decode(saved[name]))
    except OSError as error:
        raise SettingsError(f"the state folder cannot be used: {error.strerror}") from error
    except Exception as error:  # Of json, base64 or protobuf.
        raise SettingsError(f"{folder / _FILE} is not a saved state of this agent") from error
    return state


def save_state(folder: Path | None, state: SavedState) -> None:
    """Write everything; a crash leaves the old file or the new one. The file can contain private keys."""
    if folder is None:
        return
    saved = {
        "instance_uid": state.instance_uid.hex(),
        "heartbeat": state.heartbeat,
        "certificate_key": state.certificate_key.decode(),
        "file_hashes": {name: value.hex() for name, value in state.file_hashes.items()},
        **{name: b64encode(getattr(state, name).SerializeToString()).decode() for name in _MESSAGES},
    }
    new = folder / f"{_FILE}.new"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(saved, file)
    new.replace(folder / _FILE)
