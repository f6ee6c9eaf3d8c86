"""Rates and times on the command line."""

import re
from typing import Any, Final

import click

_SECONDS: Final = {"": 1, "s": 1, "min": 60, "h": 3600}


class Rate(click.ParamType[float]):
    """A number of messages for each second, minute or hour; its value is for each second."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read 5, 5/s, 300/min or 1000/h."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/(s|min|h))?", str(value))
        rate = float(found[1]) / _SECONDS[found[2] or ""] if found else 0.0
        if rate <= 0:
            self.fail(f"{value!r} is not a rate: give it as 5/s or 300/min", param, ctx)
        return rate


class Seconds(click.ParamType[float]):
    """A time; its value is in seconds."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read 60, 60s, 10min or 1h."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|min|h)?", str(value))
        seconds = float(found[1]) * _SECONDS[found[2] or ""] if found else 0.0
        if seconds <= 0:
            self.fail(f"{value!r} is not a time: give it as 60s or 10min", param, ctx)
        return seconds
