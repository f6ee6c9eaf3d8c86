"""Who may speak: enrollment keys in the Authorization header (Authentication)."""

import hmac
from collections.abc import Collection


class Admission:
    """Admits every request if there are no keys, else those that show one, as ``ApiKey`` or ``Bearer``."""

    def __init__(self, enrollment_keys: Collection[str] = ()) -> None:
        self._keys = tuple(key.encode() for key in enrollment_keys)

    def admits(self, authorization: bytes | None) -> bool:
        """Tell whether a request with this Authorization header may go on; else it gets a 401."""
        if not self._keys:
            return True
        if authorization is None:
            return False
        scheme, _, shown = authorization.partition(b" ")
        if scheme.lower() not in (b"apikey", b"bearer"):
            return False
        # Every key is compared, in constant time: the answer's delay must not tell which is near.
        return any([hmac.compare_digest(shown.strip(), key) for key in self._keys])  # noqa: C419
