"""What --help says: every verb in one section, whole sentences, an example that can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from bt_gex.cli.lazy import LazyGroup
from bt_gex.cli.main import COMMANDS, SECTIONS, cli

WIDTH = 80


def walk(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command below a group, groups themselves included."""
    for name in group.list_commands(click.Context(group)):
        yield (*path, name)
        found = group.get_command(click.Context(group), name)
        if isinstance(found, click.Group):
            yield from walk(found, (*path, name))


EVERYTHING = list(walk(cli))


def command(path: tuple[str, ...]) -> click.Command:
    found: click.Command | None = cli
    for name in path:
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(found), name)
    assert found
    return found


def help_of(path: tuple[str, ...]) -> str:
    """The help of a command on a terminal 80 columns wide."""
    found = command(path)
    context = click.Context(found, info_name=" ".join(("bt-gex", *path)), terminal_width=WIDTH)
    return found.get_help(context)


def test_every_verb_stands_in_one_section() -> None:
    listed = [verb for verbs in SECTIONS.values() for verb in verbs]
    assert len(listed) == len(set(listed))
    assert set(COMMANDS) == set(listed)


def test_the_help_shows_the_sections_and_all_their_verbs() -> None:
    text = help_of(())
    shown = re.findall(r"^  (\S+)  +\S", text.partition("Options:")[2], re.MULTILINE)
    assert [verb for verb in shown if not verb.startswith("-")] == [
        verb for verbs in SECTIONS.values() for verb in verbs if verb in COMMANDS
    ]
    titles = [title for title in SECTIONS if f"\n{title}:\n" in text]
    assert titles == [
        title for title, verbs in SECTIONS.items() if any(verb in COMMANDS for verb in verbs)
    ]


@pytest.mark.parametrize(
    "path", [(), *(p for p in EVERYTHING if isinstance(command(p), click.Group))], ids=" ".join
)
def test_what_a_verb_does_is_said_whole_on_its_line(path: tuple[str, ...]) -> None:
    group, text = command(path), help_of(path)
    assert isinstance(group, LazyGroup)
    for name in group.modules:
        below = command((*path, name))
        assert re.search(rf"^  {name} +{re.escape(below.get_short_help_str(1000))}$", text, re.M)
        assert below.get_short_help_str(1000).endswith(".")


@pytest.mark.parametrize("path", EVERYTHING, ids=" ".join)
def test_each_command_has_an_example_of_itself(path: tuple[str, ...]) -> None:
    group = command(path)
    written = f"{group.help}\n\n{group.epilog or ''}"
    example = re.search(r"Example: (bt-gex .*?)(\n\n|\Z)", written, re.DOTALL)
    assert example
    assert "Example: bt-gex" in help_of(path)
    words = shlex.split(example[1])
    assert tuple(words[1 : 1 + len(path)]) == path
    if isinstance(group, click.Group):
        assert words[1 + len(path)] in group.list_commands(click.Context(group))
        return
    known = {name for parameter in group.params for name in (*parameter.opts,)} | {"--help"}
    used = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert used <= known


@pytest.mark.parametrize("path", EVERYTHING, ids=" ".join)
def test_each_option_says_what_it_is_for(path: tuple[str, ...]) -> None:
    for parameter in command(path).params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
