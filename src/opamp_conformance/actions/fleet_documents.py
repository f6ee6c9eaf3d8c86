"""The documents of agents in the target's Elasticsearch, for targets that let the suite read them.

They are additional evidence, and never the only evidence: the messages are checked first. A server may write in
batches, so each check waits for its document, with a deadline.
"""

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from opamp_conformance.errors import InconclusiveError, NotApplicableError, Violation, ViolationError
from opamp_conformance.targets import FleetAgents
from opamp_conformance.targets.elasticsearch import explain

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

Document = Mapping[str, Any]

_LOOK_SECONDS: Final = 0.1
# A document that changes more often than this within the patience of the target is not waited for.
_MOST_CHANGES: Final = 4
_NOBODY: Final = bytes(16)
"""An instance_uid that no agent has."""
# Other agents may enroll after the one that is searched for, but not so many.
_LATEST: Final = 500
# A failure shows only as much of a document as a person can read.
_MAX_SHOWN_CHARACTERS: Final = 2000


class FleetDocuments:
    """Reads documents. ``where`` is None if the documents of the target cannot be read."""

    def __init__(self, where: FleetAgents | None) -> None:
        self._where = where

    @property
    def are_readable(self) -> bool:
        return self._where is not None

    @property
    def policy_id(self) -> str:
        """The policy that the run's enrollment key belongs to."""
        return self.require().policy_id

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that the run's enrollment key belongs to."""
        return self.require().namespaces

    def require(self) -> FleetAgents:
        """Return where the documents are; raises NotApplicableError if they cannot be read."""
        if self._where is None:
            raise NotApplicableError(
                "the documents of the fleet cannot be read: only targets with Elasticsearch have them"
            )
        return self._where

    def get(self, instance_uid: bytes) -> Document | None:
        """Return the current document of an instance_uid, None if there is none; raises InconclusiveError."""
        found = self._ask(lambda client, index: client.get(index=index, id=str(UUID(bytes=instance_uid))))
        return None if found is None else dict(found["_source"])

    def find(self, instance_uid: bytes) -> Document | None:
        """Return the document of an instance_uid as a search finds it, None if it finds none; raises InconclusiveError.

        The server finds agents by search, too. A search finds what was written only after the next refresh.
        """
        query = {"ids": {"values": [str(UUID(bytes=instance_uid))]}}
        found = self._ask(lambda client, index: client.search(index=index, query=query, size=1))
        hits = [] if found is None else found["hits"]["hits"]
        return dict(hits[0]["_source"]) if hits else None

    def latest(self) -> list[Document]:
        """Return the documents of the agents that were enrolled last; raises InconclusiveError."""
        order = [{"enrolled_at": {"order": "desc", "unmapped_type": "date"}}]
        self._ask(lambda client, index: client.indices.refresh(index=index))
        found = self._ask(lambda client, index: client.search(index=index, sort=order, size=_LATEST))
        return [] if found is None else [dict(hit["_source"]) for hit in found["hits"]["hits"]]

    def wait_for(
        self, instance_uid: bytes, shows: Callable[[Document], bool], expected: str, *, by_search: bool = False
    ) -> Document:
        """Wait until the document shows what is expected; raises ViolationError if it never does.

        ``by_search`` waits until the server can find that, too. The server may write the document several times, so
        the time begins again whenever it has changed. Raises InconclusiveError if it never stops.
        """
        look, patience = self.find if by_search else self.get, self.require().patience
        began = changed = time.monotonic()
        before: Document | None = None
        while True:
            document, now = look(instance_uid), time.monotonic()
            if document is not None and shows(document):
                return document
            if document != before:
                before, changed = document, now
            if now - changed > patience:
                raise ViolationError(Violation(expected, _shown(document)))
            if now - began > _MOST_CHANGES * patience:
                raise InconclusiveError(f"the document of an agent changes all the time, without {expected}")
            time.sleep(_LOOK_SECONDS)

    def problem(self) -> str:
        """Return why no document can be read at all, empty if they can be read or the target has none."""
        if not self.are_readable:
            return ""
        try:
            self.get(_NOBODY)
        except InconclusiveError as error:
            return str(error)
        return ""

    def wait_until_written(self, instance_uid: bytes) -> None:
        """Wait for the document of an agent that reported after everything else.

        The server writes in the order of the messages, so everything before it is written, too.
        """
        self.wait_for(
            instance_uid, lambda document: bool(document.get("last_checkin_status")), "a document with a status"
        )

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    def _ask(self, question: "Callable[[Elasticsearch, str], Any]") -> Any:
        """Return the answer of Elasticsearch, None if there is no such document or index; raises InconclusiveError."""
        import elastic_transport  # noqa: PLC0415 (an extra)
        import elasticsearch  # noqa: PLC0415

        try:
            return question(self._client, self.require().index)
        except elasticsearch.NotFoundError:
            return None
        except (elasticsearch.ApiError, elastic_transport.TransportError) as error:
            raise InconclusiveError(f"the documents of the fleet cannot be read: {explain(error)}") from error

    @cached_property
    def _client(self) -> "Elasticsearch":
        return self.require().access.client()


def _shown(document: Document | None) -> str:
    if document is None:
        return "no document"
    return ", ".join(f"{name}: {document[name]!r}" for name in sorted(document))[:_MAX_SHOWN_CHARACTERS]
