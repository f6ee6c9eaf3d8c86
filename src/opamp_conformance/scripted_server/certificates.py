"""A certificate authority of a run, and its certificates: for this machine, and for agents."""

import datetime
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID: Final = datetime.timedelta(days=1)
_HOST: Final = "127.0.0.1"
_PEM: Final = serialization.Encoding.PEM
_NAME: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "opamp-conformance test authority")])


ONE_SUITE: Final = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
"""The suite of the endpoint that has one only, by its registered name."""
OTHER_SUITE: Final = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
_ONE_SUITE_IN_OPENSSL: Final = "ECDHE-ECDSA-AES256-GCM-SHA384"


class TlsEndpoint(StrEnum):
    """The endpoints over TLS, by what they ask of the agent."""

    ORDINARY = "nothing special"
    CERTIFICATE = "a client certificate, if the agent has one"
    VERSION_1_2 = "TLS 1.2"
    VERSION_1_3 = "TLS 1.3"
    ONE_SUITE = "one cipher suite of TLS 1.2"


@dataclass(frozen=True)
class IssuedCertificate:
    """A client certificate in PEM and in DER. ``private_key`` is in PEM, empty if only the agent has it."""

    pem: bytes
    der: bytes
    private_key: bytes = b""


class UnknownAuthority:
    """An authority that no system trusts. It lives as long as this object."""

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def _certificate(self) -> x509.Certificate:
        return (
            self._builder(_NAME, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return self._certificate.public_bytes(_PEM).decode()

    def issue(self, name: str) -> IssuedCertificate:
        """Make a key and a client certificate for it."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._issued(_name(name), key.public_key(), _private(key))

    def sign(self, request: x509.CertificateSigningRequest) -> IssuedCertificate:
        """Issue a client certificate for a signing request."""
        return self._issued(request.subject, request.public_key(), b"")

    def server_context(self, endpoint: TlsEndpoint = TlsEndpoint.ORDINARY) -> ssl.SSLContext:
        """Return the context of a server on this machine with a certificate of the authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(_HOST))])
        certificate = self._builder(_name(_HOST), key.public_key()).add_extension(names, critical=False)
        signed = certificate.sign(self._key, hashes.SHA256())
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        with tempfile.TemporaryDirectory() as folder:  # The library reads files only.
            path = Path(folder, "server.pem")
            path.write_bytes(signed.public_bytes(_PEM) + _private(key))
            context.load_cert_chain(path)
        if endpoint is TlsEndpoint.CERTIFICATE:
            context.load_verify_locations(cadata=self.pem)
            context.verify_mode = ssl.CERT_OPTIONAL
        elif endpoint is TlsEndpoint.VERSION_1_2:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        elif endpoint is TlsEndpoint.VERSION_1_3:
            context.minimum_version = ssl.TLSVersion.TLSv1_3
        elif endpoint is TlsEndpoint.ONE_SUITE:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(_ONE_SUITE_IN_OPENSSL)
        return context

    def _issued(self, subject: x509.Name, key: CertificatePublicKeyTypes, private_key: bytes) -> IssuedCertificate:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        signed = self._builder(subject, key).add_extension(usage, critical=False).sign(self._key, hashes.SHA256())
        pem, der = signed.public_bytes(_PEM), signed.public_bytes(serialization.Encoding.DER)
        return IssuedCertificate(pem, der, private_key)

    def _builder(self, subject: x509.Name, key: CertificatePublicKeyTypes) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_NAME)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _VALID)
            .not_valid_after(now + _VALID)
        )


def read_request(csr: bytes) -> x509.CertificateSigningRequest:
    """Return a signing request in PEM with names and a key that can be read; raises ValueError for others."""
    try:
        request = x509.load_pem_x509_csr(csr)
        names_of(request)
        request.public_key()
    except Exception as error:  # The library has many kinds of errors for bytes that it does not know.
        raise ValueError(str(error) or type(error).__name__) from error
    return request


def names_of(request: x509.CertificateSigningRequest) -> list[str]:
    """Return the texts of the subject and of the other names in a signing request."""
    names = [str(attribute.value) for attribute in request.subject]
    for extension in request.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            names += [str(name.value) for name in extension.value]
    return names


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
