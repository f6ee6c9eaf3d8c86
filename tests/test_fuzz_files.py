"""Fuzzing of what reads the files of others: profiles and mixes (TOML), configurations (YAML), runs (JSON Lines).

A file is read, or it is an error in one line; nothing else may come. OPAMP_NIGHTLY=1 tries many more inputs, and
OPAMP_FUZZ_INPUTS=N as many as one likes.
"""

import contextlib
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.profiles.loading import load_profile
from opamp_conformance.reports.jsonl import JsonLines
from opamp_conformance.runner.run import grade
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets.mock import MockTarget
from opamp_mock_server import DEVIATIONS, Settings
from opamp_mock_server.stores import redaction
from support.command_line import Cli, one_line
from support.fuzzing import inputs, mutated

SECRET = "hunter22-sesame"
PROFILE = """
contract = "all"
newest = "9.5.3"
[[unsupported]]
requirements = ["packages.*"]
transport = "http"
because = "x"
[[known]]
scenarios = ["response.must-respond"]
versions = "<9.5"
because = "x"
link = "https://example.com"
[[flaky]]
requirements = ["capabilities.server.undefined-bits-zero"]
actual = "no flag*"
because = "x"
"""
MIX = "asks = 0.5\nchanges = 0.05\nrestarts = 0.002\nchurn = 0\nduplicates = 1.0\noutage_every = 2\n"
YAML = f"""
receivers: &r {{otlp: {{protocols: {{grpc: null}}}}}}
base: &b {{a: 1, "true": yes, ? [x, y] : 0x1f}}
merged: {{<<: *b, t: 2026-01-01, f: .inf, n: 1_000, s: 1:30}}
exporters: {{otlp: {{headers: {{authorization: {SECRET}}}}}}}
list: [*r, !!binary aGk=, !!set {{a, b}}, "\\u0000", 'x']
text: |
  several
  lines
"""


# ---- TOML


@given(text=mutated(PROFILE))
@inputs(nightly=20_000, always=100)
def test_every_profile_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "profile.toml"
    path.write_text(text, encoding="utf-8")
    with contextlib.suppress(InconclusiveError):
        load_profile(str(path)).at("9.5.3")


@given(text=mutated(MIX))
@inputs(nightly=20_000, always=200)
def test_every_mix_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "mix.toml"
    path.write_text(text, encoding="utf-8")
    with contextlib.suppress(InconclusiveError):
        assert 0 <= Behaviour.read(path).asks <= 1


# ---- YAML

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
secret_keys = st.sampled_from(["password", "API_KEY", "authorization", "client_secret", "bearer_token"])


@given(text=mutated(YAML))
@inputs(nightly=40_000, always=200)
def test_every_configuration_is_redacted_to_json(text: str) -> None:
    kept = redaction.configuration(text.encode())
    assert len(json.dumps(kept)) < 10_000_000
    assert redaction.configuration(json.dumps(kept).encode()) == kept


@given(value=values, key=secret_keys, where=st.integers(0, 3))
@inputs(nightly=20_000, always=150)
def test_a_secret_is_never_kept(value: Any, key: str, where: int) -> None:
    told: Any = {key: SECRET}
    for _ in range(where):
        told = {"outer": [value, told]}
    kept = redaction.configuration(yaml.safe_dump(told, allow_unicode=True).encode())
    assert SECRET not in json.dumps(kept)


# ---- JSON Lines


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The events of a run that has failures and findings."""
    stream = tmp_path_factory.mktemp("run") / "run.jsonl"
    target = MockTarget(Settings(deviations=(DEVIATIONS["capabilities.server.undefined-bits-zero"],)))
    grade(target, Selection([Contract.OPAMP], ["response.*"]), timing=Timing(10), listeners=[JsonLines(stream)])
    return stream.read_text().splitlines()


@given(data=st.data())
@inputs(nightly=5_000, always=15)
def test_every_stream_is_reported_or_refused(
    cli: Cli, lines: list[str], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Values of any kind in the place of others, and text that is no JSON."""
    folder = tmp_path_factory.getbasetemp()
    stream = folder / "odd.jsonl"
    changed = list(lines)
    for _ in range(data.draw(st.integers(1, 3))):
        number = data.draw(st.integers(0, len(changed) - 1))
        changed[number] = data.draw(changed_event(changed[number]) | mutated(changed[number]))
    stream.write_text("\n".join(changed), encoding="utf-8")
    for options in ((), ("--html", folder / "odd.html", "--junit", folder / "odd.xml", "--badge", folder / "odd.svg")):
        result = cli.in_process("report", stream, *options)
        assert result.returncode in (0, 1, 2)
        if result.returncode == 2:
            assert "defect" not in one_line(result)


@st.composite
def changed_event(draw: st.DrawFn, line: str) -> str:
    try:
        event = json.loads(line)
    except ValueError:
        return line
    if not isinstance(event, dict) or not event:
        return line
    event[draw(st.sampled_from(sorted(event)))] = draw(values)
    return json.dumps(event)
