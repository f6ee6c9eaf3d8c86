"""A temporary certificate authority. It is made when it is first needed, and ends with the process."""

import datetime
import ipaddress
import re
import uuid
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_UUID: Final = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}(?![0-9A-Fa-f])")
_VALIDITY: Final = datetime.timedelta(days=1)


class CertificateAuthority:
    """Issues client certificates, as PEM."""

    def __init__(self) -> None:
        self.validity = _VALIDITY
        """How long a certificate is valid from now on."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "opamp-conformance throwaway CA")])
        builder = _builder(self._name, self._name).public_key(self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = self._signed(builder)
        """The PEM of the authority's own certificate."""

    def problem_with(self, csr: bytes, instance_uid: bytes) -> str | None:
        """Return why a CSR (as PEM) of an agent is refused, None if it is accepted."""
        try:
            request = x509.load_pem_x509_csr(csr)
            is_signed = request.is_signature_valid
            named = _named_in(request)
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
            return "csr is not the PEM of a certificate signing request"
        if not is_signed:
            return "csr is not signed with the key it holds"
        if named - {instance_uid}:
            return "csr names the instance_uid of another agent"
        return None

    def issue(self, csr: bytes) -> bytes:
        """Return a certificate as PEM, for a CSR that was accepted."""
        request = x509.load_pem_x509_csr(csr)
        builder = _builder(request.subject, self._name, self.validity).public_key(request.public_key())
        for extension in request.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                builder = builder.add_extension(extension.value, critical=extension.critical)
        return self._signed(builder)

    def _signed(self, builder: x509.CertificateBuilder) -> bytes:
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name, issuer: x509.Name, validity: datetime.timedelta = _VALIDITY
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + validity)
    )


def self_signed(host: str) -> tuple[bytes, bytes]:
    """Return a server certificate that is its own authority, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "opamp-conformance unknown authority")])
    try:
        subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        subject = x509.DNSName(host)
    builder = _builder(name, name).public_key(key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName([subject]), critical=False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return builder.sign(key, hashes.SHA256()).public_bytes(pem), private


def _named_in(request: x509.CertificateSigningRequest) -> set[bytes]:
    """Return each instance_uid that stands, as text, in a field of a CSR or in a part of one."""
    values = [attribute.value for attribute in request.subject]
    for extension in request.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            values += [str(name.value) for name in extension.value]
    return {uuid.UUID(found).bytes for value in values for found in _UUID.findall(str(value))}
