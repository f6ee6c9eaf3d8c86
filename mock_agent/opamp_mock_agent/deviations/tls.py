"""Deviations of settings for TLS, and for proxies."""

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb

Settings = pb.OpAMPConnectionSettings


@breaks("tls.unset-keeps")
class ForgetsTls(Behaviour):
    """The agent forgets its settings for TLS if an offer has none."""

    def merged_settings(self, own: Settings, offer: Settings, merged: Settings) -> Settings:
        if not offer.HasField("tls"):
            merged.ClearField("tls")
        return merged


@breaks("tls.insecure-skip-verify")
class VerifiesAnyway(Behaviour):
    """The agent verifies the server although the offer says that it is not to."""

    skips_verification_if_asked = False


@breaks("tls.min-version")
class IgnoresMinVersion(Behaviour):
    """The agent uses TLS 1.2 although the offer has a higher one as the lowest version."""

    obeys_min_version = False


@breaks("tls.max-version")
class IgnoresMaxVersion(Behaviour):
    """The agent uses TLS 1.3 although the offer has a lower one as the highest version."""

    obeys_max_version = False


@breaks("tls.cipher-suites")
class IgnoresCipherSuites(Behaviour):
    """The agent uses a cipher suite that the offer does not have."""

    obeys_cipher_suites = False


@breaks("proxy.url-used", also=("proxy.connect-headers",))
class IgnoresProxy(Behaviour):
    """The agent connects directly although the offer has a proxy."""

    uses_offered_proxy = False


@breaks("proxy.connect-headers")
class NoHeadersForProxy(Behaviour):
    """The agent sends no headers to the proxy."""

    sends_proxy_headers = False


@breaks("proxy.unset-keeps")
class ForgetsProxy(Behaviour):
    """The agent forgets its proxy if an offer has none."""

    def merged_settings(self, own: Settings, offer: Settings, merged: Settings) -> Settings:
        if not offer.HasField("proxy"):
            merged.ClearField("proxy")
        return merged
