"""`compare` from the outside: pairs of real runs, and a recorder's own list of trades."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from record_fakes import fake_session, fake_trade, statistics_of
from reports.report_fakes import arrow
from typed import call
from typed_records import changed, decision

from bt_gex.cli.main import cli
from bt_gex.config.run_config import RunConfig
from bt_gex.results.result import RunResult
from bt_gex.stats.summary import summarise

Run = Callable[..., tuple[int, str, str]]

# A backtest of the recorder's own over 2026-01-12, as it wrote it to trades_20260112.csv: five
# trades, +320 dollars. Its columns say ET, but its times are UTC: the first check of the day is at
# 09:36 New York, 14:36 UTC. It wrote 2.02 and 0.98 for 2.025 and 0.975 in its fifth line. The
# header line is ours.
LIST = Path(__file__).parent / "trades_20260112.csv"
READ = ("--columns", "entry=Entry_Time_ET,exit=Exit_Time_ET", "--date", "2026-01-12")
MONDAY = date(2026, 1, 12)
DAY = ("--start", "2026-01-12", "--end", "2026-01-12")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command: status, output, errors."""

    return partial(call, capsys)


def strict(text: str) -> Any:
    return json.loads(text, parse_constant=pytest.fail)


def lines(text: str) -> list[str]:
    """Lines without the space that tables put around cells."""
    return [" ".join(line.split()) for line in text.splitlines()]


# ---------------------------------------------------------------------------------- two real runs


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs over one synthetic session: as it is, with a wider stop, and with fewer checks."""
    place = tmp_path_factory.mktemp("runs")
    words = ["synth", str(place / "m.db"), "--index", "SPX", *DAY, "--seed", "7"]
    assert CliRunner().invoke(cli, [*words, "--strikes-within", "60"]).exit_code == 0
    found = {}
    for name, changes in {
        "plain": (),
        "wider": ("exit.stop_loss=0.25",),
        "fewer": ("entry.times=10:00,10:30",),
        "paid": ("fills.commission=0.65",),
    }.items():
        words = ["run", "--db", str(place / "m.db"), *DAY, "--out", str(place / name)]
        for change in changes:
            words += ["--set", change]
        assert CliRunner().invoke(cli, words).exit_code == 0
        (found[name],) = (place / name).iterdir()
    return found


def trades_of(folder: Path) -> dict[str, dict[str, Any]]:
    content = json.loads((folder / "trades.json").read_text("utf-8"))
    return {record["timestamp_entry"]: record for record in content["trades"]}


def test_the_same_run_twice(folders: dict[str, Path], run: Run) -> None:
    status, out, err = run("compare", folders["plain"], folders["plain"])
    assert (status, err) == (0, "")
    number = len(trades_of(folders["plain"]))
    assert out.startswith(f"No difference: {number} trades the same\n")
    status, out, _ = run("compare", folders["plain"], folders["plain"], "--json")
    found = strict(out)
    assert (status, found["identical"], found["difference"], found["same"]) == (0, True, 0, number)


def test_a_run_and_its_own_list(folders: dict[str, Path], run: Run) -> None:
    listed = (folders["plain"] / "trades.csv", "--zone", "America/New_York")
    assert run("compare", folders["plain"], *listed)[0] == 0
    assert run("compare", *listed, folders["plain"])[0] == 0
    assert run("compare", folders["wider"], *listed)[0] == 1


def test_a_wider_stop(folders: dict[str, Path], run: Run) -> None:
    """The parts are those of the two runs' own records."""
    before, after = (trades_of(folders[name]) for name in ("plain", "wider"))
    assert set(before) == set(after)
    moved = [
        time
        for time, record in before.items()
        if (record["timestamp_exit"], record["exit_reason"])
        != (after[time]["timestamp_exit"], after[time]["exit_reason"])
    ]
    cents = sum(
        round(100 * after[time]["pnl_dollars"]) - round(100 * before[time]["pnl_dollars"])
        for time in before
    )
    assert moved
    assert cents
    status, out, _ = run("compare", folders["plain"], folders["wider"], "--json")
    found = strict(out)
    assert status == 1
    assert found["settings"] == {"exit.stop_loss": {"a": 0.1, "b": 0.25}}
    assert found["trades"]["exit rule"] == sum(found["trades"].values()) == len(moved)
    assert round(100 * found["parts"]["exit rule"]) == round(100 * found["difference"]) == cents
    changed = [pair for pair in found["pairs"] if pair["verdict"] == "changed"]
    assert [pair["a"]["entry"] for pair in changed] == moved
    assert all(pair["settings"] == found["settings"] for pair in changed)
    status, out, _ = run("compare", folders["plain"], folders["wider"])
    assert status == 1
    assert "Settings that differ: exit.stop_loss 0.1 -> 0.25" in out
    assert out.count("exit rule: exit ") == len(moved)


def test_commission_alone(folders: dict[str, Path], run: Run) -> None:
    """0.65 USD per contract, per leg, per side; a spread of n legs closed by a rule pays 1.30 n."""
    legs = [len(record["strikes"]) for record in trades_of(folders["paid"]).values()]
    found = strict(run("compare", folders["plain"], folders["paid"], "--json")[1])
    assert found["trades"]["commission"] == len(legs)
    assert round(100 * found["parts"]["commission"]) == -130 * sum(legs)
    assert round(100 * found["difference"]) == -130 * sum(legs)


def test_checks_that_one_run_did_not_make(folders: dict[str, Path], run: Run) -> None:
    before, after = (trades_of(folders[name]) for name in ("plain", "fewer"))
    alone = [before[time]["order_id"] for time in before if time not in after]
    assert alone
    found = strict(run("compare", folders["plain"], folders["fewer"], "--json")[1])
    assert [one["order_id"] for one in found["only_a"]] == alone
    assert {one["decided"] for one in found["only_a"]} == {"no check at that time"}
    out = run("compare", folders["plain"], folders["fewer"])[1]
    assert "What B decided" in out
    assert "entry.times" in out


# ---------------------------------------------------------------------------------- the recorder

SKIPPED = decision(
    {
        "index_symbol": "SPX",
        "session": "2026-01-12",
        "timestamp": "2026-01-12T15:30:00+00:00",
        "time_et": "10:30",
        "outcome": "skip",
        "kind": "no quote",
        "reason": "no quote: 6955P",
        "pin": 6980.0,
        "spot": 6960.66,
        "vix": 15.49,
        "strategy": "PUT",
        "strikes": [6955.0, 6945.0],
        "distance": -20,
        "width": 10.0,
        "credit": None,
        "quantity": 0,
        "order_id": "",
    }
)


def at(clock: str, until: str, **other: Any) -> dict[str, Any]:
    """A trade between two UTC times of 2026-01-12."""
    times = {"timestamp_entry": clock, "timestamp_exit": until}
    stamps = {name: f"2026-01-12T{time}+00:00" for name, time in times.items()}
    return fake_trade(f"SPX-{clock}", **stamps, **other)


@pytest.fixture
def replayed(tmp_path: Path) -> Path:
    """A run with the list's trades on SPX at 14:36, 15:00 and 16:00Z; 15:30Z was skipped.

    14:36Z is the list's own; 15:00Z was closed at 2.90 instead of 2.80, -55.00 instead of -45.00;
    16:00Z has the exact 2.025 and 0.975 that the list writes as 2.02 and 0.98, +105.00.
    """
    trades = [
        at(
            "14:36:00",
            "14:51:00",
            strikes=[6950.0, 6940.0],
            pin=6980.0,
            entry_credit=4.25,
            exit_value=2.10,
            pnl_dollars=215.0,
            exit_reason="Profit Target",
        ),
        at("15:00:00", "15:05:00", exit_value=2.90, pnl_dollars=-55.0),
        at(
            "16:00:00",
            "16:16:00",
            pin=6980.0,
            entry_credit=2.025,
            exit_value=0.975,
            pnl_dollars=105.0,
            exit_reason="Profit Target",
        ),
    ]
    times = pd.date_range("2026-01-12 15:00", periods=2, freq="30s", tz="UTC", unit="ns")
    money = dict.fromkeys(("equity", "cash", "margin_dollars", "closed_equity"), 25_000.0)
    equity = {"time": times, "session": "2026-01-12", **money, "open_spreads": 0}
    result = RunResult(
        run_id="SPX-recorded",
        config=RunConfig(start=MONDAY, end=MONDAY).resolved(),
        source={"fingerprint": "0123456789abcdef"},
        statistics=statistics_of(
            trades,
            decisions=[SKIPPED],
            sessions=[fake_session(trades_pnl_dollars=265.0, bars=1, checks=1, entries=3)],
            max_drawdown_mtm=55.0,
        ),
        trade_records=trades,
        decision_records=[SKIPPED],
        equity_table=arrow(pd.DataFrame(equity)),
        marks_table=arrow(pd.DataFrame({"order_id": "SPX", "time": times, "value": 2.40})),
        market_table=arrow(
            pd.DataFrame(
                {"time": times, "session": "2026-01-12", "spot": 6960.0, "vix": 14.6, "pin": 6980.0}
            )
        ),
    )
    saved = result.save(tmp_path).folder
    assert saved is not None
    return saved


def test_the_recorders_list_read_as_utc(replayed: Path, run: Run) -> None:
    """320 - 265 = 55 dollars: 110 of NDX and -65 that the run skipped, 10 by the exit's fill."""
    status, out, _ = run("compare", replayed, LIST, *READ, "--zone", "UTC", "--json")
    found = strict(out)
    assert status == 1
    assert [pair["b"]["order_id"] for pair in found["pairs"]] == ["line 2", "line 4", "line 6"]
    assert [pair["cause"] for pair in found["pairs"]] == [None, "exit fill", None]
    assert [one["decided"] for one in found["only_b"]] == [
        "it is a run of SPX",
        "skipped: no quote: 6955P",
    ]
    assert found["only_a"] == []
    assert (found["a"]["total_pnl"], found["b"]["total_pnl"]) == (265.0, 320.0)
    assert {cause: part for cause, part in found["parts"].items() if part} == {
        "only in B": 45.0,
        "exit fill": 10.0,
    }
    assert (found["difference"], found["zone"], found["remarks"]) == (55.0, "UTC", [])


def test_the_recorders_list_on_the_screen(replayed: Path, run: Run) -> None:
    status, out, _ = run("compare", replayed, LIST, *READ, "--zone", "UTC")
    assert status == 1
    shown = lines(out)
    assert shown[0] == "B made +$55.00 against A: 2 the same, 1 changed, 0 only in A, 2 only in B"
    assert shown[1] == "A run SPX-recorded: 3 trades, +$265.00"
    assert shown[2].startswith("B list trades_20260112.csv: 5 trades, +$320.00; times read as UTC;")
    for line in (
        "only in B 2 +$45.00",
        "exit fill 1 +$10.00",
        "Total 3 +$55.00",
        "01-12 10:00 PUT 6955/6945 exit fill: exit value 2.9 -> 2.8 -$55.00 -$45.00 +$10.00",
        "01-12 09:36:11 NDX PUT 25620/25600 +$110.00 it is a run of SPX",
        "01-12 10:30:07 SPX PUT 6955/6945 -$65.00 skipped: no quote: 6955P",
    ):
        assert line in shown


def test_the_recorders_list_read_as_its_columns_say(replayed: Path, run: Run) -> None:
    """On New York's clock everything lies five hours after the run, so nothing matches."""
    words = ("compare", replayed, LIST, *READ, "--zone", "America/New_York")
    found = strict(run(*words, "--json")[1])
    assert (found["pairs"], len(found["only_a"]), len(found["only_b"])) == ([], 3, 5)
    advice = (
        "the list's times lie 5 hours after the run's: moved by that, at least half of its trades "
        "would match; read them with --zone UTC"
    )
    assert found["remarks"] == [advice]
    assert advice in " ".join(lines(run(*words)[1]))


def test_the_list_may_come_first(replayed: Path, run: Run) -> None:
    words = ("compare", LIST, replayed, *READ, "--zone", "UTC", "--json")
    found = strict(run(*words)[1])
    assert (found["a"]["kind"], found["b"]["kind"], found["difference"]) == ("list", "run", -55.0)


def test_seconds_that_the_times_may_lie_apart(replayed: Path, run: Run) -> None:
    """The entries lie 11, 1 and 11 seconds after the run's, the exits 12, 13 and 15."""
    words = ("compare", replayed, LIST, *READ, "--zone", "UTC", "--json", "--within")
    assert len(strict(run(*words, 10)[1])["pairs"]) == 1
    assert [pair["cause"] for pair in strict(run(*words, 12)[1])["pairs"]] == [
        None,
        "exit rule",
        "exit rule",
    ]


# ---------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("RUN", "nowhere"), "nowhere does not exist; give the folder of a run, or a CSV file"),
        (("LIST", "LIST"), "are files; give the folder of a run as one of the two"),
        (("RUN", "RUN", "--zone", "UTC"), "--zone is for lists of trades"),
        (("RUN", "RUN", "--date", "2026-01-12"), "--date is for lists of trades"),
        (("RUN", "RUN", "--within", "5"), "--within is for lists of trades"),
        (("RUN", "LIST"), "no column is known as entry; name it with --columns entry=COLUMN"),
        (("RUN", "LIST", "--columns", "entry"), "--columns must be FIELD=COLUMN,..., got 'entry'"),
        (("RUN", "LIST", "--columns", ""), "it is empty; give a value, or leave the option out"),
        (("RUN", "LIST", *READ), "'14:36:11' has no offset such as Z or -05:00"),
        (("RUN", "LIST", *READ[:2], "--zone", "UTC"), "'14:36:11' has no date"),
        (("RUN", "LIST", *READ, "--zone", "Utc/New"), "unknown zone 'Utc/New'"),
        (("RUN", "LIST", "--within", "-1"), "is not in the range 0<=x<=43200"),
        (("RUN", "EMPTY"), "is not the folder of a run: no trades.json in it"),
    ],
)
def test_refused_in_one_line(
    words: tuple[str, ...], says: str, replayed: Path, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"RUN": replayed, "LIST": LIST, "EMPTY": tmp_path / "empty"}
    status, out, err = run("compare", *(places.get(word, word) for word in words))
    assert (status, out) == (2, "")
    assert says in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_a_trade_without_a_profit_is_named(replayed: Path, tmp_path: Path, run: Run) -> None:
    """A's -55 dollars of 15:00Z stand against nothing, so B, without them, is 55 above A."""
    result = RunResult.load(replayed)
    blank = dict.fromkeys(("exit_value", "pnl_dollars", "pnl_percent"))
    lost = {**blank, "exit_reason": "Unresolved"}
    trades = [
        result.trade_records[0],
        changed(result.trade_records[1], **lost),
        result.trade_records[2],
    ]
    statistics = replace(result.statistics, totals=summarise(trades, balance=25_000.0))
    open_end = replace(result, run_id="SPX-open", trade_records=trades, statistics=statistics)
    saved = open_end.save(tmp_path).folder
    found = strict(run("compare", replayed, saved, "--json")[1])
    assert found["remarks"] == [
        "1 trade of B without a P&L, outside all figures: 01-12 10:00 PUT 6955/6945"
    ]
    assert found["b"]["unresolved"] == ["SPX-15:00:00"]
    assert found["pairs"][1]["changes"] == [
        {"cause": "exit rule", "what": "Stop Loss -> Unresolved"},
        {"cause": "unresolved", "what": "no P&L in B"},
    ]
    assert (found["difference"], found["parts"]["unresolved"]) == (55.0, 55.0)
    assert "unknown" in run("compare", replayed, saved)[1]


def test_a_run_that_has_lost_a_part(replayed: Path, run: Run) -> None:
    path = replayed / "trades.json"
    path.write_text(path.read_text("utf-8").replace('"status"', '"state"'), "utf-8")
    status, out, err = run("compare", replayed, replayed)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {replayed} is not a readable run: trades.json, summary sessions")
    assert "0.status: Field required" in err


def test_the_same_trades_by_other_settings(replayed: Path, tmp_path: Path, run: Run) -> None:
    other = RunConfig(start=MONDAY, end=MONDAY, settings={"account.balance": 30_000})
    result = RunResult.load(replayed)
    totals = summarise(result.trade_records, balance=30_000.0)
    statistics = replace(result.statistics, totals=totals)
    saved = replace(result, run_id="SPX-other", config=other.resolved(), statistics=statistics)
    status, out, _ = run("compare", replayed, saved.save(tmp_path).folder)
    assert status == 1
    assert out.startswith("B made $0.00 against A: 3 the same, 0 changed, 0 only in A")
    assert "\nSettings that differ: account.balance 25000 -> 30000\n" in out
    assert "A and B: " in out  # what speaks against both is said once


def test_what_speaks_against_either_side(replayed: Path, tmp_path: Path, run: Run) -> None:
    """B's first trade was closed on a clamped price and makes all of its profit."""
    result = RunResult.load(replayed)
    first, *rest = result.trade_records
    lucky = replace(first, pnl_dollars=5_000.0, flags=("clamped_exit",))
    rest = [replace(trade, pnl_dollars=-100.0) for trade in rest]
    funnel = replace(result.statistics.funnel, clamped=1)
    other = replace(
        result,
        run_id="SPX-lucky",
        trade_records=[lucky, *rest],
        statistics=replace(result.statistics, funnel=funnel),
    )
    place = other.save(tmp_path).folder
    _, out, _ = run("compare", replayed, place)
    said = " ".join(out.split())
    assert (
        "B loses without its doubtful trades: 1 of 3 trades on clamped prices made +$5,000.00, all "
        "others -$200.00" in said
    )
    found = strict(run("compare", replayed, place, "--json")[1])
    clamped = [one for one in found["b"]["warnings"] if one["kind"] == "clamped"]
    assert [one["dollars"] for one in clamped] == [5_000.0]
    assert [one["kind"] for one in found["a"]["warnings"]].count("clamped") == 0


def test_the_same_trades_on_other_data(replayed: Path, tmp_path: Path, run: Run) -> None:
    """Both name what they rest on, so that the same trades are not called identical."""
    other = replace(RunResult.load(replayed), run_id="SPX-other", source={"fingerprint": "f" * 16})
    status, out, _ = run("compare", replayed, other.save(tmp_path).folder, "--json")
    found = strict(out)
    assert (status, found["same"], len(found["remarks"])) == (1, 3, 1)
    assert "0123456789" in found["remarks"][0]
    assert "ffffffffff" in found["remarks"][0]


def test_help_has_an_example() -> None:
    shown = CliRunner().invoke(cli, ["compare", "--help"])
    assert "Example: bt-gex compare runs/" in shown.output
