"""docs/commands.md against the commands: verbs, options, examples, statuses, files, columns."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pytest
import yaml
from bars.bar_files import GOOD, write
from docs_tools import blocks, names, page, section, table
from journal.desk import Desk
from paper.golden_bars import fifty_bars, make_spec
from paper.test_broker import raw

from bt_gex.cli.main import COMMANDS, cli, main
from bt_gex.journal.sql import SqlJournal
from bt_gex.paper.generator import plain_spec
from bt_gex.recordings.store import RecordingStore
from bt_gex.results.option_omega import COLUMNS as JOURNAL_COLUMNS
from bt_gex.trades.codec import columns_of
from bt_gex.trades.records import Decision, SpreadTrade

TEXT = page("docs/commands.md")
DAYS = ["--start", "2026-01-12", "--end", "2026-01-12"]


def command(verb: str) -> click.Command:
    """The command of a verb, or of a verb of a group: `paper state`."""
    found: click.Command | None = cli
    for word in verb.split():
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(found), word)
    assert found
    return found


def leaves() -> list[str]:
    """Every verb that does something, those of groups with the group's name before them."""
    found: list[str] = []
    for verb in COMMANDS:
        group = command(verb)
        if isinstance(group, click.Group):
            found += [f"{verb} {name}" for name in group.list_commands(click.Context(group))]
        else:
            found.append(verb)
    return found


def first_column(text: str) -> list[str]:
    return [names(cells[0])[0] for cells in table(text)]


def call(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Status, output and error output of a command."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    out, err = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, out, err


def examples(text: str) -> list[list[str]]:
    lines = "".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
    found = [shlex.split(line) for line in lines]
    assert all(words[0] == "bt-gex" for words in found)
    return [words[1:] for words in found]


# ------------------------------------------------------------------------------- verbs, options


def test_verbs() -> None:
    assert set(first_column(TEXT)) == set(COMMANDS)
    for verb in COMMANDS:
        assert examples(section(TEXT, f"bt-gex {verb}"))


def test_verbs_of_groups() -> None:
    for verb in COMMANDS:
        group = command(verb)
        if isinstance(group, click.Group):
            documented = set(first_column(section(TEXT, f"bt-gex {verb}").split("\n###")[0]))
            assert documented == set(group.list_commands(click.Context(group)))


@pytest.mark.parametrize("verb", leaves())
def test_options(verb: str) -> None:
    rows = table(section(TEXT, f"bt-gex {verb}"))
    options = [
        p
        for p in command(verb).params
        if isinstance(p, click.Option) and p.name != "verbose"  # every verb's, told of once
    ]
    defaults: dict[frozenset[str], Any] = {frozenset(p.opts): p for p in options}
    documented = {frozenset(names(cells[0])): cells[1] for cells in rows}
    assert set(documented) == {*defaults, frozenset(("-h", "--help"))}
    for opts, option in defaults.items():
        if option.required:
            assert documented[opts] == "required"
        elif option.show_default:
            default = option.default[0] if option.multiple else option.default
            assert documented[opts] == str(default)


# ------------------------------------------------------------------------------- examples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples of the page have been run, one after the other."""
    place = tmp_path_factory.mktemp("commands")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        journal = SqlJournal("journal.db")
        Desk(journal).buy(1, 1, 100)
        journal.close()
        write(place, "bars/minute/SPY.csv", *GOOD)
        place.joinpath("intent.json").write_text(json.dumps(raw(1, "open_long", 1.0)))
        place.joinpath("plan.yaml").write_text(json.dumps({"base_spec": plain_spec(make_spec())}))
        place.joinpath("bars.csv").write_bytes(fifty_bars())
        for words in examples(TEXT):
            if words[0] in ("serve", "record"):  # ends with a signal, wants a token
                continue
            run_ids = sorted(Path("runs").glob("*"))
            if any("RUN_ID" in word for word in words):
                trades = json.loads((run_ids[0] / "trades.json").read_text("utf-8"))["trades"]
                names_for = {"RUN_ID": run_ids[0].name, "ORDER_ID": trades[0]["order_id"]}
                for name, value in names_for.items():
                    words = [word.replace(name, value) for word in words]
            if "RECORDING_ID" in words:
                with RecordingStore("recordings.db") as store:
                    newest = store.find()[0].recording_id
                words = [newest if word == "RECORDING_ID" else word for word in words]
            with pytest.raises(SystemExit) as caught:
                main(words)
            assert caught.value.code == 0, words
    return place


def test_the_examples_leave_what_they_say(folder: Path) -> None:
    assert len(list((folder / "runs").iterdir())) == 1
    assert len(list((folder / "both").iterdir())) == 3
    assert (folder / "trade.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def saved(folder: Path) -> Path:
    return next((folder / "runs").iterdir())


def test_files_of_a_run(saved: Path) -> None:
    documented = first_column(section(TEXT, "The folder of a run"))
    assert sorted(documented) == sorted(file.name for file in saved.iterdir())


def test_columns_of_trades(saved: Path) -> None:
    documented = first_column(section(TEXT, "Trades"))
    assert documented == list(columns_of(SpreadTrade))
    assert list(pd.read_csv(saved / "trades.csv").columns) == list(JOURNAL_COLUMNS)
    assert list(pd.read_parquet(saved / "trades.parquet").columns) == documented
    trades = json.loads((saved / "trades.json").read_text("utf-8"))["trades"]
    assert trades
    assert all(list(trade) == documented for trade in trades)


def test_columns_of_the_other_files(saved: Path) -> None:
    documented = first_column(section(TEXT, "Decisions"))
    assert documented == list(columns_of(Decision))
    for line in (saved / "decisions.jsonl").read_text("utf-8").splitlines():
        assert list(json.loads(line)) == documented
    for name in ("equity", "marks"):
        columns = list(pd.read_parquet(saved / f"{name}.parquet").columns)
        assert columns == first_column(section(TEXT, name.capitalize()))
    content = yaml.safe_load((saved / "config.yaml").read_text("utf-8"))
    assert list(content) == first_column(section(TEXT, "config.yaml"))


def test_keys_of_the_summary(folder: Path, saved: Path) -> None:
    rows = {names(cells[0])[0]: cells[1] for cells in table(section(TEXT, "JSON"))}
    content = json.loads((saved / "trades.json").read_text("utf-8"))
    assert list(content) == ["run_id", "summary", "trades"]
    summary = content["summary"]
    assert list(rows) == list(summary)
    assert names(rows["funnel"]) == list(summary["funnel"])
    assert names(rows["sessions"]) == list(summary["sessions"][0])
    assert names(rows["by_strategy"]) == list(next(iter(summary["by_strategy"].values())))
    combined = next((folder / "both").glob("SPX+NDX-*"))
    files = table(section(TEXT, "JSON").split("The folder of the sum")[1])
    assert sorted(names(cells[0])[0] for cells in files) == sorted(
        file.name for file in combined.iterdir()
    )
    content = json.loads((combined / "summary.json").read_text("utf-8"))
    assert list(content) == ["schema_version", "runs", "summary"]
    assert list(content["summary"]) == list(rows)[: list(rows).index("calmar") + 1]
    equity = pd.read_parquet(combined / "equity.parquet")
    assert list(equity.columns) == ["time", "SPX", "NDX", "total"]


def test_two_indexes_have_two_accounts(folder: Path) -> None:
    runs = {
        path.name[:3]: json.loads((path / "trades.json").read_text("utf-8"))["summary"]
        for path in (folder / "both").iterdir()
        if (path / "trades.json").exists()
    }
    assert set(runs) == {"SPX", "NDX"}
    combined = next((folder / "both").glob("SPX+NDX-*"))
    total = json.loads((combined / "summary.json").read_text("utf-8"))["summary"]
    for name in ("total_trades", "winners", "losers"):
        assert total[name] == sum(run[name] for run in runs.values())
    assert total["total_pnl"] == pytest.approx(sum(run["total_pnl"] for run in runs.values()))
    assert total["final_balance"] == pytest.approx(50_000 + total["total_pnl"])


def test_json_on_the_screen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["run", "--db", str(folder / "blackbox.db"), *DAYS, "--json"]
    shown = ["show", str(next((folder / "runs").iterdir())), "--json"]
    shown_content = json.loads(call(shown, capsys)[1])
    assert list(shown_content) == ["run_id", "summary", "trades", "warnings"]
    documented = table(section(TEXT, "Warnings"))
    assert [names(cells[0])[0] for cells in documented] == list(shown_content["warnings"][0])
    both = [*run, "--index", "SPX", "--index", "NDX", "--out", str(folder / "two")]
    assert list(json.loads(call(both, capsys)[1])) == ["runs", "combined"]
    inspect = ["inspect", str(folder / "blackbox.db"), "--index", "SPX", *DAYS, "--json"]
    content = json.loads(call(inspect, capsys)[1])
    assert list(content) == ["database", "indexes"]
    documented = table(section(TEXT, "JSON").split("`bt-gex inspect --json`")[1])
    assert [names(cells[0])[0] for cells in documented] == list(content["indexes"][0])


# ------------------------------------------------------------------------------- statuses


def test_statuses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [cells[0] for cells in table(section(TEXT, "Exit statuses"))] == ["0", "1", "2", "130"]
    run = ["run", "--out", str(folder / "statuses"), "--db", str(folder / "blackbox.db")]
    weekend = ["--start", "2026-01-10", "--end", "2026-01-11"]
    assert call([*run, *weekend], capsys)[0] == 0
    for words, expected in (
        ([*run[:-1], str(folder / "none.db"), *DAYS], 1),
        (["show", str(folder / "nothing")], 1),
        ([*run, *DAYS, "--config", str(folder / "none.yaml")], 1),
        ([*run, *DAYS, "--set", "exit.stop_los=0.2"], 2),
        ([*run, *DAYS, "--set", "exit.stop_loss=-1"], 2),
        ([*run, *DAYS, "--index", "XYZ"], 2),
        ([*run, *DAYS, "--frob"], 2),
        (["frob"], 2),
    ):
        status, _, err = call(words, capsys)
        assert status == expected, words
        if err.startswith("error: "):
            assert err.count("\n") == 1


def test_an_interruption_is_130_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bt_gex.runs.replay.replay", interrupted)
    out = folder / "interrupted"
    words = ["run", "--db", str(folder / "blackbox.db"), *DAYS, "--out", str(out)]
    assert call(words, capsys)[0] == 130
    assert not out.exists()
