"""Help by task: options and commands under headings that say what they are for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

Tasks = Mapping[str, Sequence[str]]
"""What there is to do, and the options or commands for it, by name."""


F = TypeVar("F", bound=Callable[..., Any])


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Make one decorator of several options, in their order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


class CommandByTask(click.Command):
    """A command whose help has its options under ``tasks``."""

    def __init__(self, *arguments: Any, tasks: Tasks, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.tasks = tasks

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options; those that are for no task come last."""
        records = {
            param.opts[-1]: record
            for param in self.get_params(ctx)
            if not isinstance(param, click.Argument) and (record := param.get_help_record(ctx)) is not None
        }
        for task, names in self.tasks.items():
            with formatter.section(task):
                formatter.write_dl([records.pop(name) for name in names])
        with formatter.section("Options"):
            formatter.write_dl(list(records.values()))


class GroupByTask(click.Group):
    """A group whose help has its commands under ``tasks``."""

    def __init__(self, *arguments: Any, tasks: Tasks, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.tasks = tasks

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in self.tasks.values() for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for task, names in self.tasks.items():
            with formatter.section(task):
                limit = formatter.width - 12
                formatter.write_dl([(name, self.commands[name].get_short_help_str(limit)) for name in names])
