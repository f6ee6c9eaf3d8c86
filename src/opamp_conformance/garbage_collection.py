"""Settings of Python's garbage collector for processes that keep many objects."""

import gc


def tune_for_many_objects() -> None:
    """Exempt the objects that exist now from collection, and collect rarely.

    The data of agents lives as long as the process and has no cycles, so each full collection is only a pause.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # measured in docs/performance.md
