"""Valid but unusual messages: from newer agents, deeply nested, large, or empty."""

import base64
import json
import secrets
import string
from typing import Final

from opamp_conformance.client.agent import Agent, attribute, components, components_hash, configuration, nested_health
from opamp_conformance.errors import HarnessError
from opamp_proto import anyvalue_pb2, varint
from opamp_proto import opamp_pb2 as pb

VERSION: Final = "7.8.9"
HOST: Final = "conformance-host"
PLATFORM: Final = "linux"
FATAL: Final = "StatusFatalError"
"""The status of an unhealthy agent."""
LAST_ERROR: Final = "the disk is full"
"""The error message of an unhealthy agent."""
SECRETS: Final = ("correct-horse-battery", "c3RhcGxlLWtleS1vZi1hbGw", "730918264519")
"""The last one is a number."""
NO_SECRETS: Final = {"exporters.otlp.endpoint": "backend:4317", "receivers.database.username": "reader"}
"""The values in the configuration of with_secrets() that are no secrets, by path."""

OTHER_CONFIGURATION: Final = {"service": {"pipelines": {"metrics": {"exporters": ["otlp"]}}}}

_EVERY_BYTE = bytes(range(256))  # A configuration may be of any format, also one that is not text.
_NEWER_FIELD = 99
_NEWER_VALUE = 77
NEWER_CAPABILITY = 1 << 30 | 1 << 40
"""Bits that no version defines, one of them beyond 32 bits."""


def with_newer_fields(agent: Agent) -> pb.AgentToServer:
    """Return a full report with fields that no version defines, in the message and in a nested message."""
    message = agent.full_status()
    text = anyvalue_pb2.AnyValue(string_value="newer").SerializeToString()
    field = bytes([_NEWER_FIELD << 3 & 0x7F | 0x80 | 2, _NEWER_FIELD >> 4, len(text)]) + text
    message.agent_description.MergeFromString(field)
    message.health.MergeFromString(field)
    message.MergeFromString(field)
    return message


def with_newer_value(agent: Agent) -> pb.AgentToServer:
    """Return a report with a status of the remote configuration that no version defines."""
    message = agent.check_in()
    message.remote_config_status.last_remote_config_hash = agent.remote_config_hash
    message.remote_config_status.status = _NEWER_VALUE  # type: ignore[assignment]
    return message


def with_null_attribute(agent: Agent) -> pb.AgentToServer:
    message = agent.full_status()
    message.agent_description.non_identifying_attributes.add(key="nothing").value.SetInParent()
    return message


def with_empty_lists(agent: Agent) -> pb.AgentToServer:
    message = agent.full_status()
    attributes = message.agent_description.non_identifying_attributes
    attributes.add(key="no elements").value.array_value.SetInParent()
    attributes.add(key="no keys").value.kvlist_value.SetInParent()
    return message


def with_large_configuration(agent: Agent, size: int) -> pb.AgentToServer:
    """Return a report with an effective configuration of ``size`` bytes."""
    message = agent.check_in()
    message.capabilities |= pb.AgentCapabilities_ReportsEffectiveConfig
    message.effective_config.config_map.config_map[""].body = (_EVERY_BYTE * (size // len(_EVERY_BYTE) + 1))[:size]
    return message


def with_details(agent: Agent, tags: str) -> pb.AgentToServer:
    """Return a full report with the version, the host and the tags of the agent."""
    message = agent.full_status()
    description = message.agent_description
    description.identifying_attributes.append(attribute("service.version", VERSION))
    del description.non_identifying_attributes[:]
    description.non_identifying_attributes.extend(
        [attribute("os.type", PLATFORM), attribute("host.name", HOST), attribute("tags", tags)]
    )
    return message


def with_secrets(agent: Agent) -> pb.AgentToServer:
    """Return a full report with a configuration that has secrets."""
    message = agent.full_status()
    message.capabilities |= pb.AgentCapabilities_ReportsEffectiveConfig
    password, api_key, _ = SECRETS
    text = f"""
exporters:
  otlp:
    endpoint: {NO_SECRETS["exporters.otlp.endpoint"]}
    headers: {{api_key: {api_key}}}
receivers:
  database: {{username: reader, password: {password}}}
  others:
    - {{ACCESS_TOKEN: {password}, clientSecret: {password}, Authorization: {api_key}}}
    - {{key_passphrase: {password}, tls_certificate: {api_key}}}
"""
    message.effective_config.config_map.config_map[""].CopyFrom(configuration(text))
    return message


def with_secrets_in_lists(agent: Agent) -> pb.AgentToServer:
    """Return a full report with a configuration that has secrets in lists of names and values."""
    message = with_secrets(agent)
    password, api_key, _ = SECRETS
    text = f"""
exporters:
  otlp:
    endpoint: {NO_SECRETS["exporters.otlp.endpoint"]}
    headers: [{{name: X-API-Key, value: {api_key}}}]
receivers:
  database: {{username: reader, environment: [{{name: DB_PASSWORD, value: {password}}}]}}
"""
    message.effective_config.config_map.config_map[""].CopyFrom(configuration(text))
    return message


def with_secrets_that_are_no_texts(agent: Agent) -> pb.AgentToServer:
    """Return a full report with a configuration that has a list and a number under keys of secrets."""
    message = with_secrets(agent)
    password, api_key, number = SECRETS
    text = f"""
exporters:
  otlp:
    endpoint: {NO_SECRETS["exporters.otlp.endpoint"]}
    api_keys: [{api_key}, {password}]
receivers:
  database: {{username: reader, password: {number}}}
"""
    message.effective_config.config_map.config_map[""].CopyFrom(configuration(text))
    return message


def with_several_configurations(agent: Agent) -> pb.AgentToServer:
    """Return a report with the configuration OTHER_CONFIGURATION, and with two under keys that are not empty."""
    message = with_other_configuration(agent)
    for name in ("collector.yaml", "supervisor.yaml"):
        message.effective_config.config_map.config_map[name].CopyFrom(configuration("receivers: {}"))
    return message


def with_other_configuration(agent: Agent) -> pb.AgentToServer:
    """Return a report with the configuration OTHER_CONFIGURATION."""
    message = agent.check_in()
    message.capabilities |= pb.AgentCapabilities_ReportsEffectiveConfig
    message.effective_config.config_map.config_map[""].CopyFrom(configuration(json.dumps(OTHER_CONFIGURATION)))
    return message


def with_configuration_that_is_not_yaml(agent: Agent, *, flags: int) -> pb.AgentToServer:
    """Return a full report with some ``flags`` and a configuration that is text, but no mapping in YAML."""
    message = agent.full_status(flags=flags)
    message.capabilities |= pb.AgentCapabilities_ReportsEffectiveConfig
    message.effective_config.config_map.config_map[""].CopyFrom(configuration("[input]\n  path = {unfinished\n"))
    return message


def forms_of(secret: str) -> tuple[str, ...]:
    """Return the forms in which a secret may be part of other data: as it is, and in base64 at each offset."""
    encoded = (base64.b64encode(b" " * shift + secret.encode())[4:-4].decode() for shift in range(3))
    return (secret, *encoded)


def degraded(agent: Agent) -> pb.AgentToServer:
    """Return a report of a recoverable problem."""
    message = agent.check_in()
    message.health.healthy = True
    message.health.status = "StatusRecoverableError"
    return message


def degraded_and_unhealthy(agent: Agent) -> pb.AgentToServer:
    """Return a report of an unhealthy agent, with the status of a recoverable problem."""
    message = degraded(agent)
    message.health.healthy = False
    return message


def without_name(agent: Agent, tags: str) -> pb.AgentToServer:
    """Return a full report of an agent without service.name, and with tags."""
    message = with_details(agent, tags)
    attributes = message.agent_description.identifying_attributes
    attributes.remove(next(one for one in attributes if one.key == "service.name"))
    return message


def unhealthy(agent: Agent) -> pb.AgentToServer:
    """Return a report that only changes the health."""
    message = agent.check_in()
    message.health.healthy = False
    message.health.status = FATAL
    return message


def unhealthy_with_error(agent: Agent) -> pb.AgentToServer:
    """Return a report of an unhealthy agent, with an error message."""
    message = unhealthy(agent)
    message.health.last_error = LAST_ERROR
    return message


def with_nested_health(agent: Agent, depth: int) -> pb.AgentToServer:
    message = agent.check_in()
    message.health.CopyFrom(nested_health(depth))
    return message


def with_health_attributes(agent: Agent) -> pb.AgentToServer:
    """Return a report of health with attributes, also of a component (ComponentHealth.attributes, since v0.19.0)."""
    message = with_nested_health(agent, 1)
    for health in (message.health, *message.health.component_health_map.values()):
        health.attributes.extend([attribute("component.kind", "exporter"), attribute("queue.size", "17")])
    return message


def full_status_with_components(agent: Agent) -> pb.AgentToServer:
    """Return a full report that lists the components of the agent, which it may (AvailableComponents.components)."""
    message = agent.full_status()
    message.available_components.components["extension"].CopyFrom(components(1))
    return message


def with_components(agent: Agent, depth: int) -> pb.AgentToServer:
    """Return a report with the full available components, as a reply to ReportAvailableComponents."""
    message = agent.check_in()
    message.available_components.hash = components_hash()
    message.available_components.components["extension"].CopyFrom(components(depth))
    return message


def with_attributes_of_each_kind(agent: Agent) -> pb.AgentToServer:
    """Return a full report with an attribute for each kind of AnyValue."""
    message = agent.full_status()
    value = anyvalue_pb2.AnyValue
    text = value(string_value="text")
    nested = anyvalue_pb2.KeyValue(key="list", value=value(array_value=anyvalue_pb2.ArrayValue(values=[text])))
    kinds = {
        "text": text,
        "yes": value(bool_value=True),
        "number": value(int_value=-7),
        "ratio": value(double_value=0.5),
        "bytes": value(bytes_value=b"\x00\xff"),
        "list": value(array_value=anyvalue_pb2.ArrayValue(values=[text, text])),
        "nothing": value(),
        "empty list": value(array_value=anyvalue_pb2.ArrayValue()),
        "map": value(kvlist_value=anyvalue_pb2.KeyValueList(values=[attribute("key", "value"), nested])),
    }
    for key, kind in kinds.items():
        message.agent_description.non_identifying_attributes.add(key=f"kind.{key}").value.CopyFrom(kind)
    return message


def as_text() -> str:
    """Return a well-formed message of a new agent that is also text, with the header of WebSocket before it.

    A server that processes text messages processes this one. Its instance_uid has the form of a UUIDv7.
    """
    letters = "".join(secrets.choice(string.ascii_letters) for _ in range(13)).encode()
    uid = letters[:6] + b"\x70\xc3\x80" + letters[6:]  # The variant bits of a UUID are a part of the letter À.
    message = pb.AgentToServer(instance_uid=uid, sequence_num=1, capabilities=pb.AgentCapabilities_ReportsStatus)
    return (b"\0" + message.SerializeToString()).decode()


def custom_message(agent: Agent, capability: str) -> pb.AgentToServer:
    """Return a check-in with a custom message of a custom capability."""
    message = agent.check_in()
    message.custom_message.capability = capability
    message.custom_message.type = "greeting"
    message.custom_message.data = _EVERY_BYTE
    return message


def with_newer_capability(agent: Agent) -> pb.AgentToServer:
    """Return a full report with a bit of AgentCapabilities that no version defines yet."""
    message = agent.full_status()
    message.capabilities |= NEWER_CAPABILITY
    return message


def with_package(agent: Agent, name: str) -> pb.AgentToServer:
    """Return a report of one installed package."""
    message = agent.package_statuses()
    status = message.package_statuses.packages[name]
    status.name, status.agent_has_version, status.status = name, VERSION, pb.PackageStatusEnum_Installed
    return message


def with_package_error(agent: Agent) -> pb.AgentToServer:
    """Return a report that the packages could not be processed (PackageStatuses.error_message)."""
    message = agent.package_statuses()
    message.package_statuses.error_message = "the packages cannot be processed"
    return message


def padded(message: pb.AgentToServer, size: int) -> bytes:
    """Return a message in exactly ``size`` bytes: it gets one more field, which no version defines."""
    data = message.SerializeToString()
    tag = varint(_NEWER_FIELD << 3 | 2)
    for digits in range(1, 6):
        length = size - len(data) - len(tag) - digits
        if length >= 0 and len(varint(length)) == digits:
            return data + tag + varint(length) + bytes(length)
    raise HarnessError(f"a message of {len(data)} bytes cannot be padded to {size}")
