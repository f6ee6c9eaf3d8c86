"""The information that one process needs to take part in a run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from opamp_conformance.client.timing import Timing
from opamp_conformance.ledger.versions import DEFAULT_VERSION, SpecVersion
from opamp_conformance.profiles.profile import CaseExemption, Excuse, Kind
from opamp_conformance.targets import Endpoint, FleetAgents, OtherKeys, Tls
from opamp_conformance.targets.agent import AgentCommand
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess
from opamp_conformance.wire.transport import Transport


@dataclass(frozen=True)
class RunPlan:
    """The information that a process needs to take part in a run; a worker gets it as JSON.

    ``absent`` are the asked transports that the target does not serve. ``arguments`` are the options of ``run`` that
    choose the target again, ``default_contracts`` those it is graded by without other options, ``contracts`` those of
    this run, by the ``spec_version`` of the specification. ``cases`` are keys and transports, None for all.
    ``exemptions`` are what the target's profile says of cases, ``known_findings`` and ``flaky_findings`` the
    requirements that any message may break, with reasons; those that are known have to be broken. The server must not
    show the ``unsupported_signs``, each with a requirement and the reason. ``assumed`` are the bits of
    ServerCapabilities that the target is graded by without announcing them. ``agent`` is the agent to grade, None in a
    run about a server.
    """

    endpoint: Endpoint
    run_id: str
    timing: Timing
    served: tuple[Transport, ...]
    contracts: tuple[str, ...]
    spec_version: SpecVersion = DEFAULT_VERSION
    absent: tuple[Transport, ...] = ()
    default_contracts: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    strict: bool = False
    assumed: int = 0
    cases: tuple[tuple[str, str], ...] | None = None
    exemptions: tuple[CaseExemption, ...] = ()
    known_findings: Mapping[str, Excuse] = field(default_factory=dict)
    flaky_findings: Mapping[str, Excuse] = field(default_factory=dict)
    unsupported_signs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    agent: AgentCommand | None = None

    def as_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "RunPlan":
        fields: dict[str, Any] = json.loads(text)
        endpoint = fields.pop("endpoint")
        tls = Tls(**{name: None if path is None else Path(path) for name, path in endpoint.pop("tls").items()})
        other_keys = OtherKeys(**endpoint.pop("other_keys"))
        endpoint["others"] = tuple(endpoint["others"])
        if endpoint["fleet_agents"] is not None:
            endpoint["fleet_agents"] = _fleet_agents(endpoint["fleet_agents"])
        for name in ("served", "absent"):
            fields[name] = tuple(Transport(transport) for transport in fields[name])
        cases = tuple((key, transport) for key, transport in fields.pop("cases"))
        exemptions = tuple(
            CaseExemption(**{**exemption, "kind": Kind(exemption["kind"]), "excuse": Excuse(**exemption["excuse"])})
            for exemption in fields.pop("exemptions")
        )
        timing = Timing(**fields.pop("timing"))
        agent = fields.pop("agent")
        fields["agent"] = None if agent is None else AgentCommand(**agent)
        fields["spec_version"] = SpecVersion(fields["spec_version"])
        for name in ("known_findings", "flaky_findings"):
            fields[name] = {requirement: Excuse(**excuse) for requirement, excuse in fields[name].items()}
        return cls(
            Endpoint(**endpoint, tls=tls, other_keys=other_keys),
            timing=timing,
            cases=cases,
            exemptions=exemptions,
            **fields,
        )


def _fleet_agents(fields: Mapping[str, Any]) -> FleetAgents:
    access = dict(fields["access"])
    access["ca"] = None if access["ca"] is None else Path(access["ca"])
    fields = {**fields, "access": ElasticsearchAccess(**access), "namespaces": tuple(fields["namespaces"])}
    return FleetAgents(**fields)
