"""Requests for a client certificate: a new key, and a CSR that is signed by it (csr.client-sends)."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from opamp_proto import opamp_pb2 as pb


def new_request(instance_uid: bytes) -> tuple[pb.ConnectionSettingsRequest, bytes]:
    """Make a request for a certificate that names an instance_uid, and return it with its private key in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, instance_uid.hex())])
    signed = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    request = pb.ConnectionSettingsRequest()
    request.opamp.certificate_request.csr = signed.public_bytes(serialization.Encoding.PEM)
    pem = serialization.Encoding.PEM
    return request, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
