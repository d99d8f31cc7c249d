"""The figures of the README are those of the market that scripts/demo makes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from docs_tools import ROOT, blocks, page

from bt_gex import RunConfig, replay
from bt_gex.cli.main import cli, main
from bt_gex.config.run_config import parse_fills
from bt_gex.findings.analysis import analyse
from bt_gex.results.result import RunResult

TEXT = page("README.md")


def demo_words(verb: str) -> list[str]:
    """The words after `bt-gex` of the line of scripts/demo that has this verb."""
    script = (ROOT / "scripts" / "demo").read_text("utf-8")
    (line,) = re.findall(rf"bt-gex ({verb} .*)", script)
    return shlex.split(line)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the market of scripts/demo, the current one."""
    place = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        (place / "demo").mkdir()
        with pytest.raises(SystemExit) as ended:
            main(demo_words("synth"))
        assert ended.value.code == 0
        patch.chdir(place / "demo")
        yield place / "demo"


def rows_of_fills() -> list[tuple[str, str, int, int, float]]:
    """Fills, P&L as printed, won, trades, profit factor."""
    natural = TEXT.replace("| natural (the default)", "| `--fills natural`")
    pattern = r"\| `--fills (\S+)`[^|]*\| (\S+) \| (\d+) of (\d+) \| (\S+) \|"
    found = re.findall(pattern, natural)
    assert len(found) == 3
    return [(name, pnl, int(won), int(n), float(factor)) for name, pnl, won, n, factor in found]


def replayed(fills: str) -> RunResult:
    """The run of scripts/demo at other fills."""
    days = demo_words("run")
    start, end = (days[days.index(name) + 1] for name in ("--start", "--end"))
    config = RunConfig(index="SPX", start=start, end=end, settings=parse_fills(fills))
    return replay("blackbox.db", config)


@pytest.mark.parametrize(("fills", "pnl", "won", "trades", "factor"), rows_of_fills())
def test_the_first_table(
    demo: Path, fills: str, pnl: str, won: int, trades: int, factor: float
) -> None:
    summary: dict[str, Any] = replayed(fills).summary
    shown = f"{'+' if summary['total_pnl'] > 0 else '−'}${abs(summary['total_pnl']):,.2f}"
    assert (shown, summary["winners"], summary["total_trades"]) == (pnl, won, trades)
    assert round(summary["profit_factor"], 2) == factor


def test_what_the_reports_are_said_to_say(demo: Path) -> None:
    """The sentences in italics under the table are those of the last row's report."""
    under = TEXT.partition("and the reports say why.")[2].partition("## Start")[0]
    quoted = [" ".join(text.split()) for text in re.findall(r"\*([^*]+)\*", under)]
    assert len(quoted) == 2
    said = " ".join(str(finding) for finding in analyse(replayed("natural")).findings)
    for sentence in quoted:
        assert sentence in said


def test_the_python_prints_what_is_shown(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = blocks(TEXT, "python")[0]
    exec(compile(first, "README.md", "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    (shown,) = [text for text in blocks(TEXT, "text") if " trades, " in text]
    assert printed.split() == shown.split()


def test_the_commands_are_spelt_right() -> None:
    """Each is parsed by its command; it is not run."""
    lines = "".join(blocks(TEXT, "sh")).replace("\\\n", " ").splitlines()
    found = [shlex.split(line, comments=True) for line in lines if line.startswith("bt-gex")]
    assert len(found) > 8
    for _, verb, *words in found:
        command = cli.get_command(click.Context(cli), verb)
        if isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words.pop(0))
        assert command
        known = {name for parameter in command.params for name in parameter.opts}
        assert {w.partition("=")[0] for w in words if w.startswith("-")} <= known
