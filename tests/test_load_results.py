"""The counts, the verdict and the options of a load test. These tests do not need Locust."""

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.comparison import differences
from opamp_conformance.load.conditions import MEASURES, Condition, seconds
from opamp_conformance.load.counts import Counts, Histogram
from opamp_conformance.load.fleet import Fleet
from opamp_conformance.load.options import OPTIONS, LoadOptions, is_loopback
from opamp_conformance.load.progress import Progress
from opamp_conformance.load.starts import Starts, along_ramp, by_rate, in_stages
from opamp_conformance.load.summary import result_of
from opamp_conformance.results.verdicts import ExitCode
from support.command_line import Cli

# ---- starts


def test_agents_start_in_stages() -> None:
    starts = in_stages("10@5s,10@3s,20@2s")
    assert (starts.agents, starts.seconds) == (20, 10.0)
    assert [starts.at(number) for number in (0, 1, 9, 10, 15)] == [0.0, 0.5, 4.5, 8.0, 9.0]
    assert starts.most_per_second == 5.0


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        (along_ramp(4, 0.0), [0, 0, 0, 0]),
        (along_ramp(4, 2.0), [0, 0.5, 1, 1.5]),
        (by_rate(4, "2/s"), [0, 0.5, 1, 1.5]),
        (by_rate(4, "120/min"), [0, 0.5, 1, 1.5]),
    ],
)
def test_agents_start_along_a_ramp_or_by_a_rate(starts: Starts, expected: list[float]) -> None:
    assert [starts.at(number) for number in range(4)] == expected


@pytest.mark.parametrize(
    "text", ["", "10", "10@", "x@5s", "0@5s", "10@5s,5@5s", f"{'9' * 5000}@5s", "10@5parsecs", "10@5s;20@5s"]
)
def test_invalid_stages(text: str) -> None:
    with pytest.raises(InconclusiveError):
        in_stages(text)


@pytest.mark.parametrize("text", ["200", "0/s", "-1/s", "x/s", "1/day"])
def test_invalid_rates_of_arrivals(text: str) -> None:
    with pytest.raises(InconclusiveError, match="--arrivals"):
        by_rate(10, text)


# ---- progress


class Output(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def counts_of(seconds: int, per_second: int) -> Counts:
    counts = Counts(arrived=3)
    for number in range(100, 100 + seconds):
        counts.second(number).messages = per_second
        counts.second(number).latency.add(0.001)
    return counts


def test_progress_is_a_line_every_five_seconds() -> None:
    out = Output(is_terminal=False)
    progress = Progress(10, out)
    for second in range(13):
        progress.show(counts_of(second, 7), second, 0.0)
    progress.end()
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["5", "10"]
    assert all("3 of 10 agents  7 messages/s" in line for line in lines)
    assert "\x1b" not in out.getvalue()


def test_progress_on_a_terminal_is_one_line_with_a_bar() -> None:
    out = Output(is_terminal=True)
    progress = Progress(10, out)
    for second in range(4):
        progress.show(counts_of(second, 7), second, second / 4)
    progress.end()
    assert "\n" not in out.getvalue()
    assert out.getvalue().count("[#####...............]") == 1
    assert out.getvalue().endswith("\r\x1b[K")


def test_progress_that_cannot_be_written_does_not_end_the_test() -> None:
    with open("/dev/full", "w") as full:
        progress = Progress(10, full)
        for second in range(13):
            progress.show(counts_of(second, 7), second, 0.0)
        progress.end()
        with suppress(OSError):
            full.close()


# ---- counting


def test_counts_of_processes_are_merged() -> None:
    one, other = Counts(started_at=10.0), Counts(started_at=9.0)
    for counts, at in ((one, 10.5), (other, 10.7)):
        counts.messages = counts.answered = 2
        second = counts.second(at)
        second.messages = 2
        second.latency.add(at - 10)
        counts.fail("gone", at)
        counts.took("check-in", 0.5)
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
    assert len(total.kinds["check-in"]) == 2
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
    shares = [Fleet(along_ramp(10, 10), Behaviour(asks=0.5), seed="s", index=index, of=3) for index in range(3)]
    assert [len(share) for share in shares] == [4, 3, 3]
    assert sorted(agent.due for share in shares for agent in share.agents) == list(range(10))
    again = Fleet(along_ramp(10, 10), Behaviour(asks=0.5), seed="s", index=0, of=3)
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
            "x", "http://x", agents=2, starts="all at once", transport="http", counts=counts, conditions=parsed
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
            "x", "http://x", agents=5, starts="all at once", transport="http", counts=refused, conditions=conditions
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


# ---- comparison


def result(rates: list[int], p99: float, **changed: Any) -> dict[str, Any]:
    seconds_ = [
        {"messages": rate, "p50": 0.001 + 0.0001 * (number % 2), "p99": p99, "lateness_p99": 0.0}
        for number, rate in enumerate(rates)
    ]
    counted = dict.fromkeys(("violations", "failures", "not_enrolled", "lost_workers"), 0)
    return {
        **{"scenario": "steady", "agents": 10, "starts": "all at once", "transport": "http"},
        "facts": {"interval": "30 s", "contract": "all"},
        "measures": {**counted, **changed.pop("measures", {})},
        "seconds": seconds_,
        **changed,
    }


def test_two_tests_differ_by_more_than_noise() -> None:
    steady, slower = result([100, 102, 98, 100, 101, 99] * 5, 0.01), result([80, 82, 78, 80, 81, 79] * 5, 0.02)
    noisy = result([100, 20, 180, 100, 190, 4] * 5, 0.0105)
    assert {one.measure for one in differences(steady, slower) if one.is_worse} == {"rate", "p99"}
    assert [one.measure for one in differences(steady, noisy) if one.is_real] == []
    assert [one.measure for one in differences(slower, steady) if one.is_worse] == []
    failing = result([100] * 9, 0.01, measures={"failures": 3})
    assert [one.measure for one in differences(result([100] * 9, 0.01), failing) if one.is_worse] == ["failures"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"agents": 11}, "differ in agents: 10 and 11"),
        ({"transport": "websocket"}, "differ in transport"),
        ({"facts": {"interval": "1 s", "contract": "all"}}, "differ in interval: 30 s and 1 s"),
        ({"facts": {"interval": "30 s", "contract": "core"}}, "differ in contract"),
        ({"facts": 3}, "not the results"),
        ({"measures": None}, "not the results"),
        ({"seconds": [1, 2, 3]}, "not the results"),
    ],
)
def test_tests_that_cannot_be_compared(changed: dict[str, Any], message: str) -> None:
    other = {**result([1, 2, 3], 0.01), **changed}
    with pytest.raises(InconclusiveError, match=message):
        differences(result([1, 2, 3], 0.01), other)


def test_the_command_compares_results_of_load_tests(cli: Cli, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(result([100] * 9, 0.01)))
    new.write_text(json.dumps(result([50] * 9, 0.01)))
    worse = cli.in_process("diff", old, new)
    assert worse.returncode == 1
    assert "worse  rate" in worse.stdout
    assert cli.in_process("diff", old, old).returncode == 0
    new.write_text("{}")
    assert cli.in_process("diff", old, new).returncode == 2
