"""Certificates for scenarios: signing requests, and certificates to offer. Keys exist only during one run."""

import base64
import datetime
import uuid
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from opamp_proto import opamp_pb2 as pb

_RSA_BITS: Final = 2048
_PEM: Final = serialization.Encoding.PEM


def signing_request(instance_uid: bytes) -> bytes:
    """Return a CSR as PEM that names an agent by its common name (Using instance_uid in the CSR)."""
    return _signing_request(_name(str(uuid.UUID(bytes=instance_uid))))


def rsa_signing_request(instance_uid: bytes) -> bytes:
    """Return a CSR as PEM for a key of RSA with 2048 bits."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(str(uuid.UUID(bytes=instance_uid))))
    return builder.sign(key, hashes.SHA256()).public_bytes(_PEM)


def request_that_names(other: bytes, field: str, instance_uid: bytes) -> bytes:
    """Return a CSR as PEM for an agent that also names another one, by its instance_uid in a field of the request.

    "one of the CSR fields (or part of the field)" (Using instance_uid in the CSR)
    """
    own, named = str(uuid.UUID(bytes=instance_uid)), str(uuid.UUID(bytes=other))
    if field == "a part of the common name":
        return _signing_request(_name(f"agent {named}"))
    if field == "the alternative name":
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:uuid:{named}")])
        return _signing_request(_name(own), names)
    kind = {"the organizational unit": NameOID.ORGANIZATIONAL_UNIT_NAME, "the serial number": NameOID.SERIAL_NUMBER}
    return _signing_request(x509.Name([*_name(own), x509.NameAttribute(kind[field], named)]))


def forged_request(instance_uid: bytes) -> bytes:
    """Return a CSR as PEM that is not signed with its own key."""
    sound = x509.load_pem_x509_csr(signing_request(instance_uid)).public_bytes(serialization.Encoding.DER)
    # The signature is at the end, so one changed bit in the last byte makes it invalid.
    forged = sound[:-1] + bytes([sound[-1] ^ 1])
    lines = base64.encodebytes(forged).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{lines}-----END CERTIFICATE REQUEST-----\n".encode()


def signed_certificate() -> pb.TLSCertificate:
    """Return a certificate that an authority has signed, with its private key and the authority's certificate."""
    authority, key = _key(), _key()
    issuer = _name("an authority for one run")
    ca = _certificate(issuer, issuer, authority.public_key(), authority)
    cert = _certificate(_name("an agent"), issuer, key.public_key(), authority)
    private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pb.TLSCertificate(cert=cert, private_key=private, ca_cert=ca)


def _signing_request(subject: x509.Name, *extensions: x509.ExtensionType) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(_key(), hashes.SHA256()).public_bytes(_PEM)


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, authority: ec.EllipticCurvePrivateKey
) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=5))
    return builder.not_valid_after(now + datetime.timedelta(days=1)).sign(authority, hashes.SHA256()).public_bytes(_PEM)
