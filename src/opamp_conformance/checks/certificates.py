"""What a certificate is: for which key, and signed by whom. All arguments are PEM."""

import uuid
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

_CLOCKS_DIFFER: Final = timedelta(minutes=5)


def is_for(certificate: bytes, request: bytes) -> bool:
    """Return whether a certificate has the key of a request."""
    try:
        issued = x509.load_pem_x509_certificate(certificate)
    except ValueError:
        return False
    return issued.public_key() == x509.load_pem_x509_csr(request).public_key()


def is_issued_by(certificate: bytes, authority: bytes) -> bool:
    """Return whether a chain of signatures leads from a certificate to an authority.

    Each may have several certificates, of which the first one of ``certificate`` is the agent's.
    """
    try:
        issued, *intermediate = x509.load_pem_x509_certificates(certificate)
        authorities = x509.load_pem_x509_certificates(authority)
    except ValueError:
        return False
    for _ in range(len(intermediate) + 1):
        if any(_has_signed(one, issued) for one in authorities):
            return True
        issued = next((one for one in intermediate if _has_signed(one, issued)), issued)
    return False


def names(certificate: bytes, instance_uid: bytes) -> bool:
    """Return whether a certificate has an instance_uid, as text or as bytes, in its subject or an extension."""
    try:
        issued = x509.load_pem_x509_certificate(certificate)
        fields = issued.subject.public_bytes() + b"".join(one.value.public_bytes() for one in issued.extensions)
    except ValueError:
        return False
    text = uuid.UUID(bytes=instance_uid)
    return any(form in fields.lower() for form in (str(text).encode(), text.hex.encode())) or instance_uid in fields


def is_valid_at(certificate: bytes, time: datetime) -> bool:
    """Return whether a certificate is valid at a time. Its server's clock may be ahead."""
    try:
        issued = x509.load_pem_x509_certificate(certificate)
    except ValueError:
        return False
    return issued.not_valid_before_utc - _CLOCKS_DIFFER <= time <= issued.not_valid_after_utc


def is_self_signed(certificate: bytes) -> bool:
    """Return whether a certificate is its own authority."""
    return is_issued_by(certificate, certificate)


def belongs_to(private_key: bytes, certificate: bytes) -> bool:
    """Return whether a private key is the one of a certificate."""
    try:
        key = serialization.load_pem_private_key(private_key, None)
        return key.public_key() == x509.load_pem_x509_certificate(certificate).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _has_signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
