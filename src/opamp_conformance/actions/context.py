"""The actions that a scenario can use, by topic."""

from dataclasses import dataclass

from opamp_conformance.actions.agents import Agents
from opamp_conformance.actions.bad_request import MalformedMessages
from opamp_conformance.actions.certificates import CertificateRequests
from opamp_conformance.actions.control_plane import ControlPlaneClient
from opamp_conformance.actions.enrollment import Enrollment
from opamp_conformance.actions.fleet_documents import FleetDocuments
from opamp_conformance.actions.instance_uid import InstanceUidRequests
from opamp_conformance.actions.instances import OtherInstance
from opamp_conformance.actions.message_size import MessageSize
from opamp_conformance.actions.offers import OfferFlow
from opamp_conformance.actions.other_transport import OtherTransport
from opamp_conformance.actions.plain_http import PlainHttpActions
from opamp_conformance.actions.server_capabilities import ServerCapabilities
from opamp_conformance.actions.standing_offers import StandingOffers
from opamp_conformance.actions.websocket import WebSocketActions
from opamp_conformance.client.client import Client
from opamp_conformance.ledger.versions import SpecVersion


@dataclass(frozen=True)
class ScenarioContext:
    """The client of one transport, and the actions on it, for one scenario after the other."""

    client: Client
    agents: Agents
    enrollment: Enrollment
    instance_uid: InstanceUidRequests
    server: ServerCapabilities
    control_plane: ControlPlaneClient
    offers: OfferFlow
    standing_offers: StandingOffers
    malformed: MalformedMessages
    http: PlainHttpActions
    websocket: WebSocketActions
    message_size: MessageSize
    certificates: CertificateRequests
    other_instance: OtherInstance
    other_transport: OtherTransport
    documents: FleetDocuments

    @classmethod
    def of(
        cls,
        client: Client,
        run_id: str,
        documents: FleetDocuments,
        other: Client | None,
        over_other_transport: Client | None,
        assumed: int,
        version: SpecVersion,
    ) -> "ScenarioContext":
        """Put the actions together; ``other`` is the client of another instance, if there is one.

        ``over_other_transport`` is the client of the other transport, if the run is about both.
        ``assumed`` are the capabilities that the server is graded by without announcing them, as bits. ``version`` is
        that of the specification.
        """
        server, control_plane = ServerCapabilities(client, run_id, assumed), ControlPlaneClient(client)
        standing = StandingOffers(client, run_id)
        return cls(
            client,
            Agents(client, run_id),
            Enrollment(client, run_id, documents),
            InstanceUidRequests(client, run_id),
            server,
            control_plane,
            OfferFlow(client, control_plane, server, standing),
            standing,
            MalformedMessages(client),
            PlainHttpActions(client, run_id),
            WebSocketActions(client),
            MessageSize(client, version),
            CertificateRequests(client, run_id),
            OtherInstance(client, other),
            OtherTransport(over_other_transport),
            documents,
        )
