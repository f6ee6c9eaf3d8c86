"""Help pages with options and commands under headings that say what they are for."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from opamp_conformance.targets.options import Option

Sections = Mapping[str, Sequence[str]]
"""Headings, and the names of the options or commands below each."""

F = TypeVar("F", bound=Callable[..., Any])


def combine_options(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Make one decorator of several options, in their order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def click_option(option: "Option", *names: str) -> Callable[[Any], Any]:
    """Make click's form of an option, by default under its own name."""
    settings: dict[str, Any] = {"help": option.help, "metavar": option.metavar}
    if option.default is False:
        settings = {"is_flag": True, "help": option.help}
    elif option.choices:
        settings["type"] = click.Choice(option.choices)
    elif isinstance(option.default, int):
        settings["type"] = click.IntRange(min=1)
    if option.default:
        settings |= {"default": option.default}
    return click.option(*(names or (option.name,)), option.dest, multiple=option.is_repeatable, **settings)


class CommandWithSections(click.Command):
    """A command whose help has its options under headings."""

    def __init__(self, *arguments: Any, sections: Sections, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options; those without a heading come last."""
        records = {
            param.opts[-1]: record
            for param in self.get_params(ctx)
            if not isinstance(param, click.Argument) and (record := param.get_help_record(ctx)) is not None
        }
        for heading, names in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([records.pop(name) for name in names])
        with formatter.section("Options"):
            formatter.write_dl(list(records.values()))


class LazyCommand(NamedTuple):
    """A command that is loaded when it is used: where it is, as MODULE:NAME, and its line in the list of commands."""

    place: str
    summary: str


class GroupWithSections(click.Group):
    """A group whose help has its commands under headings. Most of the suite is loaded only by the command in use."""

    def __init__(self, *arguments: Any, sections: Mapping[str, Mapping[str, LazyCommand]], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sections = sections

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for commands in self.sections.values():
            if cmd_name in commands:
                module, _, name = commands[cmd_name].place.partition(":")
                command: click.Command = getattr(import_module(module), name)
                return command
        return None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for commands in self.sections.values() for name in commands]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name, command.summary) for name, command in commands.items()])
