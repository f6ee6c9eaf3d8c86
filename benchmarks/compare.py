"""Compares two runs of a benchmark: what has become slower, or larger, by more than the spread of its rounds.

    python benchmarks/mock_server.py 5 5 --json before.json
    python benchmarks/mock_server.py 5 5 --json after.json
    python benchmarks/compare.py before.json after.json

Each measure is a ratio to a peer of the same round, so that a faster or slower machine changes nothing. The exit code
is 1 if a measure is worse by more than a tenth, and its rounds do not overlap with those of before.
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WORSE = 0.9


def save(path: Path, benchmark: str, ratios: Mapping[str, Sequence[float]]) -> None:
    """Write the ratios of each round, by their names; more is better."""
    path.write_text(json.dumps({"benchmark": benchmark, "ratios": ratios}, indent=1) + "\n", encoding="utf-8")


def per_round(ours: Sequence[float], peer: Sequence[float]) -> list[float]:
    """Return the ratio of each round."""
    return [round(one / other, 4) for one, other in zip(ours, peer, strict=True)]


def main(old: Mapping[str, Any], new: Mapping[str, Any]) -> int:
    if old["benchmark"] != new["benchmark"]:
        sys.exit(f"these are two benchmarks: {old['benchmark']} and {new['benchmark']}")
    worse = 0
    print("| measure | before | after | change |\n|---|---|---|---|")
    for name in sorted(old["ratios"].keys() & new["ratios"].keys()):
        before, after = old["ratios"][name], new["ratios"][name]
        change = statistics.median(after) / statistics.median(before)
        is_worse = change < WORSE and max(after) < min(before)
        worse += is_worse
        print(f"| {name} | {shown(before)} | {shown(after)} | {change:.2f} ×{' worse' * is_worse} |")
    return int(worse > 0)


def shown(rounds: Sequence[float]) -> str:
    return f"{statistics.median(rounds):.2f} ({min(rounds):.2f} to {max(rounds):.2f})"


if __name__ == "__main__":
    sys.exit(main(*(json.loads(Path(path).read_text(encoding="utf-8")) for path in sys.argv[1:3])))
