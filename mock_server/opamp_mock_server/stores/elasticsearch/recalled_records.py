"""The records that a process remembers of those in Elasticsearch."""

from collections import OrderedDict

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.stores.fleet_documents import StoredVersion


class RecalledRecords:
    """The records that were used last: at most ``most``, which take about ``most_bytes`` together."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._records: OrderedDict[bytes, AgentRecord] = OrderedDict()
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0

    def get(self, instance_uid: bytes) -> AgentRecord | None:
        return self._records.get(instance_uid)

    def keep(self, record: AgentRecord) -> None:
        """Remember a record instead of the one before. One that is too large is not remembered."""
        self.forget(record.instance_uid)
        self._records[record.instance_uid] = record
        self._bytes += _size(record)
        while len(self._records) > self._most or self._bytes > self._most_bytes:
            _, oldest = self._records.popitem(last=False)
            self._bytes -= _size(oldest)

    def forget(self, instance_uid: bytes) -> None:
        known = self._records.pop(instance_uid, None)
        self._bytes -= 0 if known is None else _size(known)

    def clear(self) -> None:
        self._records.clear()
        self._bytes = 0


def _size(record: AgentRecord) -> int:
    described = record.stored.description if isinstance(record.stored, StoredVersion) else None
    return record.size + (0 if described is None else len(described.json))
