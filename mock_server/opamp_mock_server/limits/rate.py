"""Rate limits on messages (Throttling)."""

from collections import Counter
from time import monotonic

from opamp_mock_server.limits.authentication import Authenticator
from opamp_mock_server.limits.limits import Limits, OverloadedError


class TokenBucket:
    """Allows ``rate`` events each second; a burst may use one second's tokens at once."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._most = max(1.0, rate)
        self._tokens = self._most
        self._at = monotonic()

    def take(self) -> bool:
        """Take one token; return False if there is none."""
        now = monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RateLimits:
    """Limits on messages, for the process and for each enrollment key. ``shed`` counts the rejected messages."""

    def __init__(self, limits: Limits, authenticator: Authenticator, shed: Counter[str]) -> None:
        self._all = None if limits.rate is None else TokenBucket(limits.rate)
        self._rate_per_key = limits.rate_per_key
        self._of_key: dict[bytes | None, TokenBucket] = {}
        self._authenticator = authenticator
        self._shed = shed

    def take(self, authorization: bytes | None) -> None:
        """Count one message with this Authorization header. Raises OverloadedError above a limit."""
        # The limit of the key comes first: messages above it must not use up the tokens of others.
        if self._rate_per_key is not None:
            key = self._authenticator.key_of(authorization)
            if key not in self._of_key:
                self._of_key[key] = TokenBucket(self._rate_per_key)
            if not self._of_key[key].take():
                self._shed["rate_per_key"] += 1
                raise OverloadedError("there are too many messages with this key")
        if self._all is not None and not self._all.take():
            self._shed["rate"] += 1
            raise OverloadedError("there are too many messages")
