"""Groups of verbs that are imported when used, so that `--help` and each verb start fast."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import click

from bt_gex.cli.common import verbose_option
from bt_gex.errors import UnknownName

UNCUT = 1_000  # characters; no first sentence is as long


class LazyGroup(click.Group):
    """A group of verbs, each by the module that defines a click command.

    modules   by verb; the command is named after it, hyphens written as underscores, unless
              its name follows a colon
    sections  in which the help lists the verbs, by title; one for all when left out
    """

    def __init__(
        self,
        *args: Any,
        modules: Mapping[str, str],
        sections: Mapping[str, Sequence[str]] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        self.modules = modules
        self.sections = sections or {"Commands": list(modules)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.modules)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs by section, each with the whole first sentence of its help."""
        longest = max(map(len, self.modules))
        for title, verbs in self.sections.items():
            rows = []
            for verb in verbs:
                command = self.get_command(ctx, verb)
                if command and not command.hidden:
                    rows.append((f"{verb:<{longest}}", command.get_short_help_str(UNCUT)))
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.modules and not args[0].startswith("-"):
            raise UnknownName("command", args[0], self.modules)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.modules:
            return None
        module, _, name = self.modules[cmd_name].partition(":")
        name = name or cmd_name.replace("-", "_")
        command: click.Command = getattr(importlib.import_module(module), name)
        is_verb = not isinstance(command, click.Group)
        if is_verb and not any(param.name == "verbose" for param in command.params):
            command.params.append(verbose_option())
        return command
