"""TLS as a client: which authorities to trust, and which certificate to show."""

import ssl

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.targets import Tls


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Return the context for https. Raises InconclusiveError, which names the file that cannot be used."""
    for path in (tls.ca, tls.cert, tls.key):
        if path is not None and not path.is_file():
            raise InconclusiveError(f"cannot read {path}: there is no such file")
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except (OSError, ssl.SSLError) as error:
        raise InconclusiveError(f"cannot use {tls.ca} as certificate authority: not a readable PEM file") from error
    if tls.cert is not None:
        try:
            context.load_cert_chain(tls.cert, tls.key, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            raise InconclusiveError(
                f"cannot use the client certificate {tls.cert} with the key {tls.key or tls.cert}: {error}"
            ) from error
    elif tls.key is not None:
        raise InconclusiveError("--key needs --cert")
    return context


def _no_password() -> str:
    """Replace the prompt of OpenSSL, which would wait forever in CI."""
    return ""
