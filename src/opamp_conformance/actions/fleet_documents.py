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

    def require(self) -> FleetAgents:
        """Return where the documents are; raises NotApplicableError if they cannot be read."""
        if self._where is None:
            raise NotApplicableError(
                "the documents of the fleet cannot be read: only targets with Elasticsearch have them"
            )
        return self._where

    def get(self, instance_uid: bytes) -> Document | None:
        """Return the current document of an instance_uid, None if there is none; raises InconclusiveError."""
        import elastic_transport  # noqa: PLC0415 (an extra)
        import elasticsearch  # noqa: PLC0415

        try:
            found = self._client.get(index=self.require().index, id=str(UUID(bytes=instance_uid)))
        except elasticsearch.NotFoundError:
            return None
        except (elasticsearch.ApiError, elastic_transport.TransportError) as error:
            raise InconclusiveError(f"the documents of the fleet cannot be read: {explain(error)}") from error
        return dict(found["_source"])

    def wait_for(self, instance_uid: bytes, shows: Callable[[Document], bool], expected: str) -> Document:
        """Wait until the document shows what is expected; raises ViolationError if it never does."""
        end = time.monotonic() + self.require().patience
        while True:
            document = self.get(instance_uid)
            if document is not None and shows(document):
                return document
            if time.monotonic() > end:
                raise ViolationError(Violation(expected, _shown(document)))
            time.sleep(_LOOK_SECONDS)

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

    @cached_property
    def _client(self) -> "Elasticsearch":
        return self.require().access.client()


def _shown(document: Document | None) -> str:
    if document is None:
        return "no document"
    return ", ".join(f"{name}: {document[name]!r}" for name in sorted(document))[:_MAX_SHOWN_CHARACTERS]
