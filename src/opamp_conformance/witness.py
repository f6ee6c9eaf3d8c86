"""The second witness: the documents of agents in the target's Elasticsearch, where one may look there.

Never the only one: what is seen on the wire comes first. A server may write in batches, so that every look waits, with
a deadline, for what it looks for.
"""

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from opamp_conformance.errors import Breach, CannotTell, NotApplicable
from opamp_conformance.targets import FleetAgents
from opamp_conformance.targets.elasticsearch import explain

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

Document = Mapping[str, Any]

_LOOK_SECONDS: Final = 0.1


class Witness:
    """Looks at documents. ``where`` is None if the target's cannot be looked at."""

    def __init__(self, where: FleetAgents | None) -> None:
        self._where = where

    @property
    def is_there(self) -> bool:
        return self._where is not None

    @property
    def policy_id(self) -> str:
        """The policy that the run's enrollment key belongs to."""
        return self.require().policy_id

    def require(self) -> FleetAgents:
        """Return where the documents are; raises NotApplicable where there are none to be looked at."""
        if self._where is None:
            raise NotApplicable(
                "the documents of the fleet cannot be looked at: only targets with Elasticsearch have them"
            )
        return self._where

    def document(self, instance_uid: bytes) -> Document | None:
        """Return the document under an instance_uid as it is now, None if there is none; raises CannotTell."""
        import elastic_transport  # noqa: PLC0415 (an extra)
        import elasticsearch  # noqa: PLC0415

        try:
            found = self._client.get(index=self.require().index, id=str(UUID(bytes=instance_uid)))
        except elasticsearch.NotFoundError:
            return None
        except (elasticsearch.ApiError, elastic_transport.TransportError) as error:
            raise CannotTell(f"the documents of the fleet cannot be read: {explain(error)}") from error
        return dict(found["_source"])

    def await_document(self, instance_uid: bytes, shows: Callable[[Document], bool], expected: str) -> Document:
        """Wait until the document shows what is looked for; raises Breach if it never does."""
        end = time.monotonic() + self.require().patience
        while True:
            document = self.document(instance_uid)
            if document is not None and shows(document):
                return document
            if time.monotonic() > end:
                raise Breach(expected, _told(document))
            time.sleep(_LOOK_SECONDS)

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> "Elasticsearch":
        return self.require().access.client()


def _told(document: Document | None) -> str:
    if document is None:
        return "no document"
    return ", ".join(f"{name}: {document[name]!r}" for name in sorted(document))[:2000]
