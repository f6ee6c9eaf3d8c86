"""The steps that request a certificate, each with what its answer has to be (Agent-initiated CSR Flow)."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from opamp_conformance.assertions import certificates as assert_certificates
from opamp_conformance.assertions import status_reporting as assert_status_reporting
from opamp_conformance.assertions.common import require
from opamp_conformance.client import certificates
from opamp_conformance.client.agent import Agent
from opamp_conformance.walks.odd_requests import Assertions
from opamp_conformance.walks.steps import Action
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

_GARBAGE: Final = b"-----BEGIN CERTIFICATE REQUEST-----\nnothing\n-----END CERTIFICATE REQUEST-----\n"


@dataclass(frozen=True)
class CertificateRequest:
    """A message with a request, and the assertions about its answer by requirement."""

    make: Callable[[Agent], pb.AgentToServer]
    assertions: Assertions


def _if_issued(assertion: Callable[[Exchange], None]) -> Callable[[Exchange], None]:
    return lambda exchange: assertion(exchange) if _issued(exchange) else None


def _issued(exchange: Exchange) -> bytes:
    return exchange.reply.connection_settings.opamp.certificate.cert


def _is_for_its_key(exchange: Exchange) -> None:
    sent = exchange.request.message
    assert sent is not None
    csr = sent.connection_settings_request.opamp.certificate_request.csr
    assert_certificates.for_the_key_of(exchange, csr)


def _refusal_is_bad_request(exchange: Exchange) -> None:
    if exchange.is_error:
        assert_certificates.refusal_is_bad_request(exchange)


def issued(exchange: Exchange) -> None:
    """For a server that has issued a certificate to another agent at once; an agent with a new uid gets none."""
    if exchange.reply.agent_identification.new_instance_uid:
        return
    require(bool(_issued(exchange)), "connection_settings.opamp with a certificate", "none")


def _with_csr(csr: Callable[[Agent], bytes]) -> Callable[[Agent], pb.AgentToServer]:
    return lambda agent: agent.certificate_request(csr(agent))


def _another() -> bytes:
    return secrets.token_bytes(INSTANCE_UID_BYTES)


def _nothing(agent: Agent) -> pb.AgentToServer:
    message = agent.full_status()
    message.connection_settings_request.SetInParent()
    return message


_SOUND: Final[Assertions] = {
    "csr.creates-certificate": _if_issued(_is_for_its_key),
    "csr.offer-no-private-key": _if_issued(assert_certificates.without_private_key),
    "csr.offer-ca-cert": _if_issued(assert_certificates.with_ca_cert),
    "certificate.issued-by-recognized-ca": _if_issued(assert_certificates.signed_by_ca_cert),
}

CERTIFICATE_REQUESTS: Final[Mapping[Action, CertificateRequest]] = {
    Action.REQUEST_CERTIFICATE: CertificateRequest(
        _with_csr(lambda agent: certificates.signing_request(agent.instance_uid)), _SOUND
    ),
    Action.REQUEST_BADLY: CertificateRequest(
        _with_csr(lambda agent: _GARBAGE),
        {"csr.failure-bad-request": _refusal_is_bad_request, "csr.server-validates": assert_certificates.none_issued},
    ),
    Action.REQUEST_FORGED: CertificateRequest(
        _with_csr(lambda agent: certificates.forged_request(agent.instance_uid)),
        {"csr.failure-bad-request": _refusal_is_bad_request, "csr.server-validates": assert_certificates.none_issued},
    ),
    Action.REQUEST_FOR_ANOTHER: CertificateRequest(
        _with_csr(lambda agent: certificates.signing_request(_another())),
        {"csr.failure-bad-request": _refusal_is_bad_request, "csr.uid-must-match": assert_certificates.none_issued},
    ),
    Action.REQUEST_NOTHING: CertificateRequest(_nothing, {"csr.empty-request": assert_status_reporting.understood}),
}
"""The steps by action; the server has to accept requests (AcceptsConnectionSettingsRequest)."""
