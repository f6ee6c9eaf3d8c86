"""Certificates, offered or issued on request (TLSCertificate, Agent-initiated CSR Flow)."""

from datetime import datetime

from opamp_conformance.assertions import bad_request
from opamp_conformance.assertions.common import described, require
from opamp_conformance.checks import certificates
from opamp_conformance.errors import NotApplicableError, PreconditionFailedError
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import opamp_pb2 as pb


def offered(exchange: Exchange, *, issues_at_once: bool) -> None:
    """``issues_at_once`` says that another agent has received its certificate in the answer to its request."""
    if exchange.is_acknowledgement and not issues_at_once:
        raise NotApplicableError("the server does not issue certificates at once: people may have to approve them")
    require(_certificate(exchange).cert, "connection_settings.opamp with a certificate", described(exchange))


def none_issued(exchange: Exchange) -> None:
    """Assert that an answer has no certificate (TLSCertificate.cert)."""
    require(not _certificate(exchange).cert, "no certificate", "a certificate")


def none_that_names(instance_uid: bytes, exchange: Exchange) -> None:
    """Assert that an answer has no certificate whose fields have an instance_uid (Using instance_uid in the CSR).

    A server may leave out what it did not verify, so only what the certificate has is looked at.
    """
    is_named = certificates.names(_certificate(exchange).cert, instance_uid)
    require(not is_named, "no certificate that names another agent", "a certificate that names another agent")


def with_private_key(exchange: Exchange) -> None:
    """Assert that a certificate comes with its own private key in PEM (TLSCertificate.private_key)."""
    certificate = _certificate(exchange)
    is_own = certificates.belongs_to(certificate.private_key, certificate.cert)
    actual = "another key, or something else" if certificate.private_key else "none"
    require(is_own, "the private_key of the certificate in PEM", actual)


def without_private_key(exchange: Exchange) -> None:
    """Assert that an issued certificate has no private key: the agent has it (Agent-initiated CSR Flow)."""
    require(not _certificate(exchange).private_key, "no private_key", "a private_key")


def for_the_key_of(exchange: Exchange, request: bytes) -> None:
    """Assert that a certificate is for the key of a certificate request in PEM (Agent-initiated CSR Flow)."""
    is_for = certificates.is_for(_certificate(exchange).cert, request)
    require(is_for, "a certificate for the key of the request", "a certificate for another key")


def with_ca_cert(exchange: Exchange) -> None:
    """A self-signed certificate has no authority, so it needs no ca_cert."""
    certificate = _certificate(exchange)
    is_there = bool(certificate.ca_cert) or certificates.is_self_signed(certificate.cert)
    require(is_there, "ca_cert, because an authority has signed the certificate", "no ca_cert")


def signed_by_ca_cert(exchange: Exchange) -> None:
    """Assert that ca_cert, or the certificate itself, has signed the certificate (TLSCertificate.ca_cert)."""
    certificate = _certificate(exchange)
    if not certificate.ca_cert and not certificates.is_self_signed(certificate.cert):
        raise PreconditionFailedError("csr.offer-ca-cert", "no ca_cert")
    is_signed = certificates.is_issued_by(certificate.cert, certificate.ca_cert or certificate.cert)
    require(is_signed, "a certificate that its authority has signed", "a certificate that another authority has signed")


def valid_at(time: datetime, exchange: Exchange) -> None:
    """Assert that a certificate is valid at a time, so that a server may trust it (TLSCertificate.cert)."""
    is_valid = certificates.is_valid_at(_certificate(exchange).cert, time)
    require(
        is_valid, f"a certificate that is valid at {time:%Y-%m-%d %H:%M:%S} UTC", "one that is not, or no certificate"
    )


def refusal_is_bad_request(exchange: Exchange) -> None:
    """A server only SHOULD validate the request; but if it refuses, the error MUST be a BadRequest."""
    if not exchange.reply.HasField("error_response"):
        raise PreconditionFailedError("csr.server-validates", "the request is not refused")
    bad_request.is_bad_request(exchange)


def _certificate(exchange: Exchange) -> pb.TLSCertificate:
    return exchange.reply.connection_settings.opamp.certificate
