"""Enrollment keys in the Authorization header: they admit clients, and choose their policies (Authentication).

The namespaces of an agent are those of its policy.
"""

import hmac
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from opamp_mock_server.core.agent_state import DEFAULT_NAMESPACES, DEFAULT_POLICY
from opamp_mock_server.errors import MockServerError

_log = logging.getLogger("opamp_mock_server.authentication")


class KeyFileError(MockServerError):
    """The file of enrollment keys cannot be read, or does not contain keys."""


class Policy(NamedTuple):
    """The policy of an enrollment key, and the namespaces of its agents."""

    id: str = DEFAULT_POLICY
    namespaces: tuple[str, ...] = DEFAULT_NAMESPACES


class Authenticator:
    """Accepts requests that have a key, as ``ApiKey`` or ``Bearer``; without any keys, it accepts all requests.

    ``keys`` map each key to its policy.
    """

    def __init__(self, keys: Mapping[str, Policy] | None = None) -> None:
        self._keys = {key.encode(): policy for key, policy in (keys or {}).items()}

    def policy_of(self, authorization: bytes | None) -> str | None:
        """Return the policy of the key in an Authorization header; None means that the request gets a 401."""
        if not self._keys:
            return DEFAULT_POLICY
        return self._policy_of(authorization)

    def _policy_of(self, authorization: bytes | None) -> str | None:
        key = self.key_of(authorization)
        return None if key is None else self._keys[key].id

    def namespaces_of(self, policy_id: str) -> tuple[str, ...]:
        """Return the namespaces of a policy, from the first key that names it."""
        found = (policy.namespaces for policy in self._keys.values() if policy.id == policy_id)
        return next(found, DEFAULT_NAMESPACES)

    def key_of(self, authorization: bytes | None) -> bytes | None:
        """Return the key in an Authorization header, None if it contains no valid key."""
        if authorization is None:
            return None
        scheme, _, shown = authorization.partition(b" ")
        if scheme.lower() not in (b"apikey", b"bearer"):
            return None
        # Every key is compared, in constant time: the time of the answer must not show which key is similar.
        shown, found = shown.strip(), None
        for key in self._keys:
            if hmac.compare_digest(shown, key):
                found = key
        return found


class FileAuthenticator(Authenticator):
    """Accepts requests that have a key from a file, which is read again whenever it changes.

    Each line has a key and, after a space, its policy if it has one. A third word is the namespaces of the policy,
    separated by commas. Lines that begin with # are comments. To revoke a key, remove its line. While the file cannot
    be read, no request is accepted.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; raises KeyFileError."""
        self._path = path
        self._seen = self._signature()
        super().__init__(_read(path))

    def policy_of(self, authorization: bytes | None) -> str | None:
        try:
            signature = self._signature()
            if signature != self._seen:
                self._keys = {key.encode(): policy for key, policy in _read(self._path).items()}
                _log.warning("the enrollment keys have changed: there are %d now", len(self._keys))
        except KeyFileError as error:
            signature = None
            if self._seen is not None:
                _log.warning("all requests are rejected: %s", error)
            self._keys = {}
        self._seen = signature
        return self._policy_of(authorization)

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError as error:
            raise KeyFileError(f"cannot read the enrollment keys in {self._path}: {error.strerror}") from error
        return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> dict[str, Policy]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise KeyFileError(f"cannot read the enrollment keys in {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KeyFileError(f"the enrollment keys in {path} are not ASCII text") from error
    keys = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        match words:
            case [key]:
                keys[key] = Policy()
            case [key, policy_id]:
                keys[key] = Policy(policy_id)
            case [key, policy_id, namespaces]:
                keys[key] = Policy(policy_id, tuple(namespaces.split(",")))
            case _:
                raise KeyFileError(f"{path}, line {number}: a line has one key, its policy, and its namespaces")
    return keys
