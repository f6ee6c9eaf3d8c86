"""The limit of open files of this process."""

from contextlib import suppress


def allow_files(wanted: int) -> int | None:
    """Raise the limit of open files to a number, or as far as the system allows.

    Returns how many files may be open, None if nothing limits them.
    """
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if wanted > soft:
        # Some systems have a limit below the hard one.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
