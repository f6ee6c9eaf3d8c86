"""How an Elasticsearch is reached, by whoever prepares a Fleet Server or looks at what it keeps."""

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
    """An Elasticsearch and who speaks to it; the URL may hold a user and password. All of these are secrets."""

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
        """What must not be shown, by what it is."""
        found = {
            "password": unquote(urlsplit(self.url).password or ""),
            "api key": self.api_key,
            "service token": self.service_token,
        }
        return {name: secret for name, secret in found.items() if secret}

    def client(self, *, timeout: float = 10) -> "Elasticsearch":
        """Make a client. It says that it is a product of Elastic, because only those may use the indices of Fleet.

        Raises InconclusiveError for a URL that is none.
        """
        from elasticsearch import Elasticsearch  # noqa: PLC0415 (an extra)

        options: dict[str, Any] = {"api_key": self.api_key} if self.api_key else {}
        options |= {"bearer_auth": self.service_token} if self.service_token else {}
        options |= {"ca_certs": str(self.ca)} if self.ca else {}
        options |= {"headers": {"X-elastic-product-origin": "fleet"}}
        try:
            return Elasticsearch(self.url, request_timeout=timeout, max_retries=0, **options)
        except ValueError as error:
            # What is wrong with it must not be repeated: it may hold a password.
            raise InconclusiveError("the URL of Elasticsearch is not one: give it as https://HOST:PORT") from error


def require_extra() -> None:
    """Raise InconclusiveError unless the extra that speaks to Elasticsearch and starts containers is installed."""
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
    """Say in a line what went wrong at Elasticsearch; credentials stand in none of it.

    The mock server says it in its own words: neither imports the other.
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
