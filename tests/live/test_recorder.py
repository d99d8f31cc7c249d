"""Recording from a Tradier that behaves as badly as the real one, and trading what was recorded."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live.desk import ManualClock, kept, plan_of, play, scored, session_on
from live.fake_tradier import TOKEN, FakeTradier

from bt_gex.blackbox.appender import Appender, failures_of
from bt_gex.blackbox.reader import Blackbox
from bt_gex.blackbox.writer import new_file
from bt_gex.cli.main import main
from bt_gex.errors import BadValue, OutputError, ProviderError
from bt_gex.live.provider import VIX, RecordedProvider
from bt_gex.live.recorder import LEAD_S, Polled, Recorder, RecordParams
from bt_gex.live.tradier import Token, TokenBucket, TradierProvider, read_token
from bt_gex.market.calendar import BAR_NS, NS
from bt_gex.market.indexes import SPX
from bt_gex.runs.replay import replay
from bt_gex.synthetic.blackbox import SynthConfig, write

SESSION = session_on()
OPEN = SESSION.open_ns


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic day, as somebody's recorder left it."""
    path = tmp_path_factory.mktemp("market") / "source.db"
    config = SynthConfig(start=SESSION.day, end=SESSION.day, seed=7, strikes_within=60.0)
    with new_file(path) as engine:
        write(config, engine)
    return path


class Desk:
    """A fake Tradier and a provider that asks it, on one clock."""

    def __init__(self, path: Path, row: int = 12) -> None:
        self.clock = ManualClock(OPEN + row * BAR_NS)
        self.market = RecordedProvider(path, SPX, SESSION, self.clock.now)
        self.server = FakeTradier(self.market, SPX, self.clock.now)
        self.waited: list[float] = []
        bucket = TokenBucket(100, now=lambda: self.clock.ns / NS, sleep=self.waited.append)
        self.provider = TradierProvider(
            Token(TOKEN), self.server.url, bucket=bucket, now=self.clock.now,
            sleep=self.waited.append,
        )  # fmt: skip


@pytest.fixture
def desk(recorded: Path) -> Iterator[Desk]:
    made = Desk(recorded)
    with made.server:
        yield made
    made.provider.close()


# ------------------------------------------------------------------------------------- provider


def test_what_was_recorded_comes_over_the_wire(desk: Desk) -> None:
    mine, theirs = desk.provider.levels(["SPX", VIX, "BOGUS"]), desk.market.levels(["SPX", VIX])
    assert {name: level.price for name, level in mine.items()} == {
        name: level.price for name, level in theirs.items()
    }
    assert set(mine) == {"SPX", VIX}
    chain, wanted = (p.chain(SPX, SESSION.day) for p in (desk.provider, desk.market))
    assert len(chain.quotes) == len(wanted.quotes) > 40
    for got, known in zip(chain.quotes, wanted.quotes, strict=True):
        assert (got.root, got.strike, got.right) == (known.root, known.strike, known.right)
        assert (got.bid, got.ask) == (known.bid or 0.0, known.ask)
        assert got.at_ns == known.at_ns // NS * NS
        assert got.greeks.get("gamma") == known.greeks.get("gamma")
    assert desk.provider.market_state().state == "open"


@pytest.mark.parametrize("null", ["null", None])
def test_nothing_is_written_in_two_ways(desk: Desk, null: str | None) -> None:
    desk.server.null = null
    other = SESSION.day.replace(day=13)
    assert desk.provider.chain(SPX, other).quotes == ()
    assert desk.provider.levels(["BOGUS"]) == {}


def test_the_other_root_of_the_day_is_left_out(desk: Desk) -> None:
    desk.server.other_root = "SPX"
    chain = desk.provider.chain(SPX, SESSION.day)
    assert {quote.root for quote in chain.quotes} == {"SPXW"}
    assert all(quote.bid != 99.0 for quote in chain.quotes)


def test_chains_without_greeks(desk: Desk) -> None:
    desk.server.without_greeks = True
    assert desk.provider.chain(SPX, SESSION.day).quotes[0].greeks["gamma"] is None


@pytest.mark.parametrize("fault", ["500", "502", "404", "html", "drop", "429 json", "429"])
def test_what_passes_is_asked_again(desk: Desk, fault: str) -> None:
    desk.server.faults.append(fault)
    assert desk.provider.levels(["SPX"])["SPX"].price
    assert len(desk.server.asked) == 2
    assert desk.waited  # before the second time
    if fault == "429":  # until the clock minute is over
        left_s = 60.0 - desk.clock.ns / NS % 60.0
        assert left_s == pytest.approx(max(desk.waited), abs=1.0)


@pytest.mark.parametrize("fault", ["500", "html", "drop"])
def test_what_does_not_pass_is_an_error_with_its_cause(desk: Desk, fault: str) -> None:
    desk.server.faults.extend([fault] * 3)
    with pytest.raises(ProviderError, match="/markets/quotes"):
        desk.provider.levels(["SPX"])
    assert len(desk.server.asked) == 3


@pytest.mark.parametrize("fault", ["401", "401 json"])
def test_a_token_that_is_refused_is_not_tried_again(desk: Desk, fault: str) -> None:
    desk.server.faults.append(fault)
    with pytest.raises(ProviderError, match="Access Token"):
        desk.provider.levels(["SPX"])
    assert len(desk.server.asked) == 1


def test_the_budget_is_kept_and_the_headers_are_a_hint(desk: Desk) -> None:
    desk.provider.bucket.per_minute = 3
    desk.provider.bucket._left = 3.0
    for _ in range(3):
        desk.provider.market_state()
    assert desk.waited == []
    desk.provider.market_state()
    assert desk.waited == [pytest.approx(20.0)]
    desk.provider.bucket._left = 3.0
    desk.server.limit = desk.server.used.total() + 1  # this answer says that nothing is left
    desk.provider.market_state()
    assert desk.provider.bucket.left < 1.0


def test_the_token_is_read_from_a_safe_place_and_never_shown(
    tmp_path: Path, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o644)
    with pytest.raises(BadValue, match="chmod 600") as refused:
        read_token(file)
    file.chmod(0o600)
    token = read_token(None, {"TRADIER_TOKEN_FILE": str(file)})
    assert token.header() == f"Bearer {TOKEN}"
    assert read_token(None, {"TRADIER_TOKEN": TOKEN}).header() == token.header()
    with pytest.raises(BadValue, match="TRADIER_TOKEN"):
        read_token(None, {})
    desk.server.faults.extend(["500"] * 3)
    with pytest.raises(ProviderError) as failed:
        desk.provider.levels(["SPX"])
    shown = f"{token!r} {token} {refused.value} {failed.value} {caplog.text}"
    assert TOKEN not in shown


# ------------------------------------------------------------------------------------- recorder


def record(
    desk: Desk, path: Path, rows: range, params: RecordParams | None = None, **faults: int
) -> list[Polled]:
    """Record some bars; returns what came of each poll."""
    polls: list[Polled] = []

    class Clock(ManualClock):
        def wait_until(self, ns: int) -> bool:
            if ns >= OPEN + rows.stop * BAR_NS - round(LEAD_S * NS):
                return False
            desk.clock.ns = self.ns = max(ns, self.ns)
            return True

    desk.clock.ns = OPEN + rows.start * BAR_NS - round(LEAD_S * NS)
    clock = Clock(desk.clock.ns)
    with Appender(path) as sink:
        Recorder(
            desk.provider, sink, [SPX], SESSION, clock, params,
            lambda index, polled: polls.append(polled),
        ).run()  # fmt: skip
    return polls


def test_a_recording_is_a_blackbox_of_what_was_there(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    polls = record(desk, path, range(12, 24))
    assert len(polls) == 12
    assert [one for polled in polls for one in polled.failed if one.what == "chain"] == []
    with Blackbox(path) as box:
        rows = box.session_rows("SPX", SESSION)
    assert not rows.is_empty
    for table in ("market_context", "gex_peaks", "competing_peaks"):
        assert len(rows.tables[table])
    chains = rows.tables["options_snapshots"].stamps  # at 9:36 alone, five seconds ahead
    assert [(int(ns) - OPEN) / NS for ns in chains] == [12 * 30 - LEAD_S]
    with sqlite3.connect(path) as database:
        (text,) = database.execute("SELECT chain_data FROM options_snapshots").fetchone()
    assert {"strike", "option_type", "greeks", "open_interest"} <= set(json.loads(text)[0])


def test_failures_are_rows_with_their_cause(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    desk.server.faults.extend(["500"] * 6)
    record(desk, path, range(12, 14))
    found = failures_of(path, "SPX")
    assert [one.what for one in found][:3] == ["index price", "VIX", "chain"]
    assert all("Datastore Error" in one.cause for one in found[:3])
    assert failures_of(desk_source(desk), "SPX") == []


def desk_source(desk: Desk) -> str:
    return desk.market.name.removeprefix("recorded ")


def test_a_frozen_feed_is_stale_however_well_it_answers(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    desk.server.frozen_at = OPEN
    record(desk, path, range(40, 42))
    with Blackbox(path) as box:
        assert box.session_rows("SPX", SESSION).is_empty
    causes = {(one.what, one.cause.split(":")[0]) for one in failures_of(path, "SPX")}
    assert causes == {("index price", "stale"), ("VIX", "stale"), ("chain", "stale")}


def test_peaks_at_the_old_bots_times(desk: Desk, tmp_path: Path) -> None:
    from bt_gex.live.recorder import CHECK_TIMES

    path = tmp_path / "mine.db"
    record(desk, path, range(10, 15), RecordParams(peaks_at=CHECK_TIMES))
    with Blackbox(path) as box:
        rows = box.session_rows("SPX", SESSION)
    assert len(set(rows.tables["gex_peaks"].stamps.tolist())) == 1
    assert len(rows.tables["market_context"]) == 1


def test_two_recorders_on_one_database_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    with Appender(path), pytest.raises(OutputError, match="another recorder"):
        Appender(path)
    Appender(path).close()


def test_what_a_database_did_not_take_is_written_later(desk: Desk, tmp_path: Path) -> None:
    path, tries = tmp_path / "mine.db", [0]
    taken: list[Any] = []

    class Refusing:
        def append(self, *what: Any) -> None:
            tries[0] += 1
            if tries[0] == 2:
                raise OutputError("the database is locked")
            taken.append(what)

    desk.clock.ns = OPEN + 12 * BAR_NS
    recorder = Recorder(desk.provider, Refusing(), [SPX], SESSION, desk.clock)
    for _ in range(3):
        recorder._write(SPX, recorder.poll(SPX))
    assert len(taken) == 3
    assert [one.what for _, _, failed in taken for one in failed if one.what == "database"] == [
        "database"
    ]
    assert not path.exists()


def test_a_session_on_what_was_recorded_over_the_wire_is_its_replay(
    recorded: Path, tmp_path: Path
) -> None:
    """Source → fake Tradier → recorder → blackbox → session = replay of that blackbox."""
    desk, path = Desk(recorded), tmp_path / "mine.db"
    with desk.server:
        record(desk, path, range(1, 70), RecordParams(max_age_s=2_000.0))
    desk.provider.close()
    plan = plan_of(path, tmp_path / "home")
    play(plan)
    made = replay(path, plan.config, use_cache=False).trade_records
    assert made
    assert scored(plan).identical
    assert scored(plan).differences == ()
    assert len([a for a in kept(plan).answers.values() if a.fill]) == 2 * len(made)


def test_the_command_asks_for_a_token_first(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRADIER_TOKEN", raising=False)
    monkeypatch.delenv("TRADIER_TOKEN_FILE", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["record", "--db", str(tmp_path / "mine.db")])
    assert ended.value.code == 2
    assert "TRADIER_TOKEN" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_a_gap_is_told_with_its_cause(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.db"
    record(desk, path, range(12, 14))
    desk.server.faults.extend(["500"] * 60)
    record(desk, path, range(14, 24))
    desk.server.faults.clear()
    record(desk, path, range(24, 26))
    for words in ((), ("--json",)):
        with pytest.raises(SystemExit) as ended:
            main(["inspect", str(path), *words])
        assert ended.value.code == 0
    lines, _, text = capsys.readouterr().out.partition("\n{")
    cause = "chain: tradier: /markets/options/chains: HTTP 500: Datastore Error"
    assert f"from 09:36:25: {cause}" in lines
    causes = json.loads("{" + text)["gap_causes"]
    assert [one["failures"] for one in causes if one["failures"]] == [10]
    assert causes[-1]["cause"] == "no failure is recorded: the recorder was not there"
