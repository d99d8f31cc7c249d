"""Verbs over recorded options that have a form over bars, told apart by one of its options."""

from __future__ import annotations

import importlib
from typing import Any

import click

from bt_gex.cli.common import verbose_option


class OverBarsCommand(click.Command):
    """A command that is another one where `switch` is among its words.

    other  module:name of that command; imported only then
    """

    def __init__(self, *args: Any, switch: str, other: str, **more: Any) -> None:
        super().__init__(*args, **more)
        self._switch, self._other = switch, other

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        if any(word == self._switch or word.startswith(f"{self._switch}=") for word in args):
            module, name = self._other.split(":")
            command: click.Command = getattr(importlib.import_module(module), name)
            if not any(param.name == "verbose" for param in command.params):
                command.params.append(verbose_option())
            return command.make_context(info_name, args, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)
