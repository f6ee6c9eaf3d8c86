"""What the fuzzing tests share: how many inputs they try, and texts with small changes."""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from support.matrix import is_nightly


def inputs(nightly: int, always: int) -> settings:
    """Return settings with a maximum number of inputs, and without a deadline for one input.

    OPAMP_FUZZ_INPUTS is another number, for as long a search as one likes.
    """
    given = os.environ.get("OPAMP_FUZZ_INPUTS")
    return settings(
        max_examples=int(given) if given else nightly if is_nightly() else always,
        deadline=None,
        derandomize=not (given or is_nightly()),
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """A text with some characters replaced, inserted, removed or repeated, or another text."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        part = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
        match draw(st.integers(0, 3)):
            case 0:
                text = text[:at] + part + text[at + len(part) :]
            case 1:
                text = text[:at] + part + text[at:]
            case 2:
                text = text[:at] + text[at + draw(st.integers(1, 20)) :]
            case _:
                text = text[:at] + text[at : at + draw(st.integers(1, 60))] * 2 + text[at:]
    return text
