"""Access to Elasticsearch, for code that prepares a Fleet Server or reads its documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from opamp_conformance.errors import InconclusiveError

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch


@dataclass(frozen=True)
class ElasticsearchAccess:
    """The URL of an Elasticsearch, and credentials. The URL may have a user and a password. All fields are secrets."""

    url: str
    api_key: str | None = None
    service_token: str | None = None
    ca: Path | None = None

    @property
    def address(self) -> str:
        """The URL without credentials."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def secrets(self) -> Mapping[str, str]:
        """The values that must not be shown, by their names."""
        found = {
            "password": unquote(urlsplit(self.url).password or ""),
            "api key": self.api_key,
            "service token": self.service_token,
        }
        return {name: secret for name, secret in found.items() if secret}

    def client(self, *, timeout: float = 10) -> "Elasticsearch":
        """Return a client. It identifies itself as a product of Elastic: only those may use the indices of Fleet.

        Raises InconclusiveError for an invalid URL.
        """
        from elasticsearch import Elasticsearch  # noqa: PLC0415 (an extra)

        options: dict[str, Any] = {"api_key": self.api_key} if self.api_key else {}
        options |= {"bearer_auth": self.service_token} if self.service_token else {}
        options |= {"ca_certs": str(self.ca)} if self.ca else {}
        options |= {"headers": {"X-elastic-product-origin": "fleet"}}
        try:
            return Elasticsearch(self.url, request_timeout=timeout, max_retries=0, **options)
        except ValueError as error:
            # The text of the error may contain a password.
            raise InconclusiveError("the URL of Elasticsearch is invalid: write it as https://HOST:PORT") from error


def require_extra() -> None:
    """Raise InconclusiveError unless the extra with the clients of Elasticsearch and containers is installed."""
    try:
        import docker  # type: ignore[import-untyped]  # noqa: F401, PLC0415
        import elasticsearch  # noqa: F401, PLC0415
        import testcontainers  # noqa: F401, PLC0415
    except ImportError as error:
        extra = "pip install 'opamp-conformance[fleet-server]'"
        raise InconclusiveError(
            f"the fleet-server target needs more ({error.name} is not installed): {extra}"
        ) from error


def explain(error: Exception) -> str:
    """Return one line about an error of Elasticsearch, without credentials.

    The mock server has a similar function, because neither imports the other.
    """
    import elastic_transport  # noqa: PLC0415
    import elasticsearch  # noqa: PLC0415

    if isinstance(error, elasticsearch.ApiError):
        refused = error.status_code in (401, 403)
        return f"it refuses the credentials ({error.status_code})" if refused else f"it answers {error.status_code}"
    if isinstance(error, elastic_transport.ConnectionTimeout):
        return "it does not answer in time"
    if isinstance(error, elastic_transport.TlsError):
        return "its certificate is not trusted"
    return "it cannot be reached" if isinstance(error, elastic_transport.ConnectionError) else type(error).__name__
