"""What a scenario can assert of certificates."""

from opamp_conformance import pki
from opamp_conformance.errors import Unmet
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import that
from opamp_conformance.expect.errors import bad_request
from opamp_proto import opamp_pb2 as pb


def for_the_key_of(exchange: Exchange, request: bytes) -> None:
    that(pki.is_for(_offered(exchange).cert, request), "a certificate for the key of the request", "another")


def with_its_authority(exchange: Exchange) -> None:
    """A certificate that has signed itself has no authority."""
    offered = _offered(exchange)
    is_there = bool(offered.ca_cert) or pki.is_self_signed(offered.cert)
    that(is_there, "ca_cert, as an authority has signed the certificate", "no ca_cert")


def signed_by_its_authority(exchange: Exchange) -> None:
    offered = _offered(exchange)
    if not offered.ca_cert and not pki.is_self_signed(offered.cert):
        raise Unmet("csr.offer-ca-cert", "no ca_cert")
    vouches = pki.is_issued_by(offered.cert, offered.ca_cert or offered.cert)
    that(vouches, "a certificate that its authority has signed", "one that another has signed")


def refusal_is_bad_request(exchange: Exchange) -> None:
    """That a request is looked at is only a SHOULD; that its refusal is a BadRequest is not."""
    if not exchange.reply.HasField("error_response"):
        raise Unmet("csr.server-validates", "the request is not refused")
    bad_request(exchange)


def _offered(exchange: Exchange) -> pb.TLSCertificate:
    return exchange.reply.connection_settings.opamp.certificate
