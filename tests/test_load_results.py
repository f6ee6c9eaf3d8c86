"""The counts, the verdict and the options of a load test. These tests do not need Locust."""

import json
from pathlib import Path
from typing import Any

import pytest

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.conditions import MEASURES, Condition, seconds
from opamp_conformance.load.counts import Counts, Histogram
from opamp_conformance.load.fleet import Fleet
from opamp_conformance.load.options import OPTIONS, LoadOptions, is_loopback
from opamp_conformance.load.summary import result_of
from opamp_conformance.results.verdicts import ExitCode

# ---- counting


def test_counts_of_processes_are_merged() -> None:
    one, other = Counts(started_at=10.0), Counts(started_at=9.0)
    for counts, at in ((one, 10.5), (other, 10.7)):
        counts.messages = counts.answered = 2
        second = counts.second(at)
        second.messages = 2
        second.latency.add(at - 10)
        counts.fail("gone", at)
        counts.violate("fleet.new-uid.unique", f"at {at}")
        counts.handed_out += bytes(16)
        counts.whole_at = counts.last_at = at
    total = Counts()
    for counts in (one, other):
        total.merge(Counts.unwire(json.loads(json.dumps(counts.wire(), default=bytes.hex)) | {"handed_out": bytes(16)}))
    assert total.messages == 4
    assert total.seconds[10].messages == 4
    assert len(total.seconds[10].latency) == 2
    assert total.failures == {"gone": 2}
    assert total.findings["fleet.new-uid.unique"].count == 2
    assert len(total.handed_out) == 32
    assert (total.started_at, total.whole_at, total.last_at) == (9.0, 10.7, 10.7)


def test_percentiles_are_at_most_ten_percent_too_high() -> None:
    histogram = Histogram()
    for number in range(1, 1001):
        histogram.add(number / 1000)
    for percent in (50, 90, 99):
        measured = histogram.percentile(percent)
        assert measured is not None
        assert percent / 100 <= measured <= percent / 100 * 1.1
    assert histogram.percentile(100) == 1.0
    assert Histogram().percentile(50) is None


def test_each_process_has_its_own_part_of_the_fleet() -> None:
    shares = [Fleet(10, Behaviour(asks=0.5), ramp=10, seed="s", index=index, of=3) for index in range(3)]
    assert [len(share) for share in shares] == [4, 3, 3]
    assert sorted(agent.due for share in shares for agent in share.agents) == list(range(10))
    again = Fleet(10, Behaviour(asks=0.5), ramp=10, seed="s", index=0, of=3)
    assert [agent.asks for agent in again.agents] == [agent.asks for agent in shares[0].agents]
    assert shares[1].random.random() != shares[2].random.random()


def measures(**values: float) -> dict[str, float | None]:
    return {**dict.fromkeys(MEASURES, 0.0), "failures_percent": 0.0, "throttled_percent": 0.0, **values}


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("p99>500ms", {"p99": 0.501}, True),
        ("p99 > 500 ms", {"p99": 0.5}, False),
        ("violations>=1", {"violations": 1}, True),
        ("rate<100", {"rate": 99.9}, True),
        ("failures>1%", {"failures_percent": 1.5, "failures": 0}, True),
        ("failures>1", {"failures_percent": 50, "failures": 1}, False),
        ("enrolled_in<=2m", {"enrolled_in": 120}, True),
    ],
)
def test_conditions(text: str, values: dict[str, float], holds: bool) -> None:
    assert Condition.parse(text).holds(measures(**values)) is holds


@pytest.mark.parametrize("text", ["p99>500", "p99", "p98>1s", "violations>1%", "rate>5s", "p99=1s", "", "p99>-1s"])
def test_invalid_conditions(text: str) -> None:
    with pytest.raises(InconclusiveError):
        Condition.parse(text)


def test_a_condition_on_a_missing_measure() -> None:
    assert Condition.parse("p50>1s").holds({**measures(), "p50": None}) is None
    assert Condition.parse("enrolled_in>1s").holds({**measures(), "enrolled_in": None}) is True


@pytest.mark.parametrize(("text", "value"), [("30", 30), ("1.5s", 1.5), ("500ms", 0.5), ("5m", 300), ("1h", 3600)])
def test_times(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "1 d", "-1s", "1s1"])
def test_invalid_times(text: str) -> None:
    with pytest.raises(InconclusiveError, match="time"):
        seconds(text)


def test_the_verdict() -> None:
    def code(counts: Counts, *conditions: str) -> ExitCode:
        parsed = [Condition.parse(text) for text in conditions]
        return result_of(
            "x", "http://x", agents=2, ramp=0, transport="http", counts=counts, conditions=parsed
        ).exit_code

    assert code(Counts()) is ExitCode.COULD_NOT_TELL
    answered = Counts(messages=2, answered=2, arrived=1)
    assert code(answered) is ExitCode.CONFORMANT
    assert code(answered, "not_enrolled>0") is ExitCode.NOT_CONFORMANT
    answered.violate("identification.new-instance-uid.uuidv7", "")
    assert code(answered, "violations>0") is ExitCode.CONFORMANT  # The requirement is a SHOULD.
    assert code(answered, "warnings>0") is ExitCode.NOT_CONFORMANT


def test_a_run_without_a_needed_measure_does_not_pass() -> None:
    refused = Counts(messages=5, answered=5, started_at=1.0, last_at=2.0)

    def code(text: str) -> ExitCode:
        conditions = [Condition.parse(text)]
        return result_of(
            "x", "http://x", agents=5, ramp=0, transport="http", counts=refused, conditions=conditions
        ).exit_code

    assert code("p99>500ms") is ExitCode.COULD_NOT_TELL
    assert code("enrolled_in>30s") is ExitCode.NOT_CONFORMANT
    assert code("enrollment_rate<10") is ExitCode.NOT_CONFORMANT


# ---- options


def options(**given: Any) -> LoadOptions:
    return LoadOptions.of({option.dest: option.default for option in OPTIONS} | given)


def test_loopback_hosts() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("127.8.9.10")
    assert is_loopback("::1")
    assert is_loopback("localhost")
    assert not is_loopback("192.0.2.1")
    assert not is_loopback("no.such.host.invalid")


@pytest.mark.parametrize(
    ("given", "behaviour", "is_allowed"),
    [
        ({"agents": 20}, Behaviour(polls=False), True),
        ({"agents": 21}, Behaviour(polls=False), False),
        ({"agents": 1000, "ramp": "50s"}, Behaviour(polls=False), True),
        ({"agents": 1000, "ramp": "49s"}, Behaviour(polls=False), False),
        ({"agents": 600, "interval": "30s"}, Behaviour(), True),
        ({"agents": 601, "interval": "30s"}, Behaviour(), False),
        ({"agents": 100, "interval": "30s"}, Behaviour(outage_every=2), False),
        ({"agents": 601, "interval": "30s", "i_may_load_this_host": True}, Behaviour(), True),
    ],
)
def test_other_hosts_need_permission(given: dict[str, Any], behaviour: Behaviour, is_allowed: bool) -> None:
    chosen = options(**given)
    if is_allowed:
        assert chosen.require_permission("http://192.0.2.1", behaviour) == "http://192.0.2.1/v1/opamp"
    else:
        with pytest.raises(InconclusiveError, match="--i-may-load-this-host"):
            chosen.require_permission("http://192.0.2.1", behaviour)
    assert chosen.require_permission("http://127.0.0.1:1", behaviour)


def test_permission_by_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPAMP_I_MAY_LOAD_THIS_HOST", "1")
    assert options(agents=10_000).require_permission("http://192.0.2.1", Behaviour())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("churn = 2", "churn"),
        ("churn = true", "churn"),
        ("outage_every = -1", "outage_every"),
        ("polls = false", "polls"),
        ("chrun = 0.1", "chrun"),
        ("churn 0.1", "TOML"),
    ],
)
def test_invalid_mixes(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mix.toml"
    path.write_text(text)
    with pytest.raises(InconclusiveError, match=message):
        options(mix=str(path)).behaviour(Behaviour(), "mixed")


def test_a_mix_is_only_for_the_scenario_mixed(tmp_path: Path) -> None:
    path = tmp_path / "mix.toml"
    path.write_text("churn = 0.5\noutage_every = 3")
    assert options(mix=str(path)).behaviour(Behaviour(), "mixed") == Behaviour(churn=0.5, outage_every=3)
    with pytest.raises(InconclusiveError, match="mixed"):
        options(mix=str(path)).behaviour(Behaviour(), "steady")
