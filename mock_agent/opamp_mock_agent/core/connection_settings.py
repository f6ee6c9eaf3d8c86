"""Connection settings: what an offer changes, and the status that is reported of it."""

from opamp_proto import opamp_pb2 as pb


def merged(own: pb.OpAMPConnectionSettings, offer: pb.OpAMPConnectionSettings) -> pb.OpAMPConnectionSettings:
    """Return the settings after an offer is accepted: what the offer leaves out stays as it is.

    Without a certificate in the offer, the client shows none (opamp-settings.certificate-omitted).
    """
    new = pb.OpAMPConnectionSettings()
    new.CopyFrom(own)
    new.ClearField("certificate")
    if offer.destination_endpoint:
        new.destination_endpoint = offer.destination_endpoint
    for name in ("headers", "certificate", "tls", "proxy"):
        if offer.HasField(name):
            getattr(new, name).CopyFrom(getattr(offer, name))
    return new


def needs_connection(offer: pb.OpAMPConnectionSettings) -> bool:
    """Return whether an offer changes how the client connects, and not only the interval of its heartbeats."""
    return bool(offer.destination_endpoint) or any(
        offer.HasField(name) for name in ("headers", "certificate", "tls", "proxy")
    )


def status_of(
    offer: pb.ConnectionSettingsOffers, status: pb.ConnectionSettingsStatuses, error: str = ""
) -> pb.ConnectionSettingsStatus:
    """Return the status that is reported of an offer."""
    return pb.ConnectionSettingsStatus(
        last_connection_settings_hash=offer.hash, status=status, error_message=error or None
    )
