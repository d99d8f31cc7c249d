"""The HTML report of runs of every kind: whole, true to the cent, and without a NaN."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from defects.handmade_market import MID, MONDAY, TWELVE, Market, put_spread
from long_result import long_run
from record_fakes import FOUND_BY

from bt_gex.blackbox.writer import new_file
from bt_gex.config.run_config import RunConfig
from bt_gex.findings.analysis import analyse
from bt_gex.market.settlement import Settlement
from bt_gex.reports.charts.pictures import figure_by_name, picture_bytes
from bt_gex.reports.charts.run import PICTURES
from bt_gex.reports.console.report import print_report
from bt_gex.reports.console.run import make_console
from bt_gex.reports.html.calendar import calendar, entry_heat, month_grid
from bt_gex.reports.html.intervals import cost_sentences
from bt_gex.reports.html.page import html_report
from bt_gex.reports.html.parts import plain_trades, reasons
from bt_gex.reports.html.sessions import line, session_data, steps
from bt_gex.reports.html.template import heat_class
from bt_gex.reports.html.trades import FIELDS, thinned_path
from bt_gex.reports.words import gain, new_york_time, short_gain
from bt_gex.results.costs import CostRow, Costs
from bt_gex.results.result import RunResult
from bt_gex.runs.replay import replay
from bt_gex.synthetic.blackbox import SynthConfig, write
from bt_gex.trades.codec import to_json

TUESDAY = "2026-01-13"
VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """Texts by the id of the element they are in, and whether all elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: dict[str, str] = {}
        self.scripts: list[str] = []
        self.visible = ""
        self._open: list[tuple[str, str | None]] = []
        self.references: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.references += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v]
        if tag not in VOID:
            self._open.append((tag, named.get("id")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v]

    def handle_endtag(self, tag: str) -> None:
        name, _ = self._open.pop()
        assert name == tag

    def handle_data(self, data: str) -> None:
        tag = self._open[-1][0] if self._open else ""
        if tag == "script":
            self.scripts.append(data)
        elif tag != "style":
            self.visible += f" {data.strip()}"
            for _, name in self._open:
                if name:
                    self.texts[name] = f"{self.texts.get(name, '')} {data.strip()}".strip()


def trade_script(page: Page) -> str:
    """The trades as the page holds them."""
    return next(text for text in page.scripts if text.startswith("{"))


Make = Callable[..., RunResult]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Replays a market of Monday, and of Tuesday when it is asked for."""

    def run(*days: Callable[[Market], None], times: list[str] | None = None) -> RunResult:
        market = Market(tmp_path)
        for name, fill in zip((MONDAY, TUESDAY), days, strict=False):
            market.day = name
            market.known_all_day()
            fill(market)
        config = RunConfig(
            start=MONDAY,  # type: ignore[arg-type]
            end=(MONDAY, TUESDAY)[max(len(days), 1) - 1],  # type: ignore[arg-type]
            settings={"entry.times": times or TWELVE, **MID},
        )
        return replay(market.save(), config)

    return run


def wins(market: Market) -> None:
    """Every entry takes its profit a minute later."""
    for hour, minute in (map(int, when.split(":")) for when in TWELVE):
        start = hour * 60 + minute
        first, last = (f"{t // 60:02}:{t % 60:02}" for t in (start - 2, start + 1))
        market.quotes(first, last, put_spread(1.2))
        first, last = (f"{t // 60:02}:{t % 60:02}" for t in (start + 2, start + 4))
        market.quotes(first, last, put_spread(0.5))


def loses(market: Market) -> None:
    for hour, minute in (map(int, when.split(":")) for when in TWELVE):
        start = hour * 60 + minute
        first, last = (f"{t // 60:02}:{t % 60:02}" for t in (start - 2, start + 1))
        market.quotes(first, last, put_spread(1.2))
        first, last = (f"{t // 60:02}:{t % 60:02}" for t in (start + 2, start + 4))
        market.quotes(first, last, put_spread(2.0))


def nothing(market: Market) -> None:
    """No quotes at all."""


def stays(market: Market) -> None:
    market.quotes("09:31", "15:59", put_spread(1.2))


@pytest.fixture
def runs(make: Make, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], RunResult]]:
    def unresolved() -> RunResult:
        monkeypatch.setattr(
            "bt_gex.sessions.day.settlement_price", lambda **_: Settlement(float("nan"), "none")
        )
        # Quoted until 11:00 only, so that it must be settled.
        return make(lambda m: m.quotes("09:31", "11:00", put_spread(1.2)), times=["09:36"])

    return {
        "no trades": lambda: make(nothing),
        "one trade": lambda: make(stays, times=["09:36"]),
        "one session": lambda: make(stays),
        "all winners": lambda: make(wins, wins),
        "all losers": lambda: make(loses, loses),
        "both": lambda: make(wins, loses),
        "unresolved": unresolved,
    }


KINDS = ("no trades", "one trade", "one session", "all winners", "all losers", "both", "unresolved")
WORDS = re.compile(r"\b(?:nan|NaN|inf|Infinity|None(?! of the checks)|null|undefined)\b")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run(kind: str, runs: dict[str, Callable[[], RunResult]]) -> None:
    result = runs[kind]()
    analysis = analyse(result)
    text = html_report(result, analysis)
    page = Page(text)
    assert text == html_report(result, analyse(result))  # the same run, the same bytes
    assert not WORDS.search(page.visible), WORDS.search(page.visible)
    assert "NaN" not in trade_script(page)
    assert all(ref.startswith(("#", "data:")) for ref in page.references)
    assert set(re.findall(r"https?://[\w./-]+", text)) <= {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
    }  # fmt: skip
    for name in ("equity", *PICTURES, f"session:{MONDAY}"):
        assert picture_bytes(figure_by_name(result, name), ".png").startswith(b"\x89PNG")
        assert b"<svg" in picture_bytes(figure_by_name(result, name), ".svg")

    agrees_with_the_trades(result, page)
    what = {
        "no trades": "There are no trades",
        "one trade": "Sessions cannot be resampled here",
        "all winners": "All 24 trades won",
        "unresolved": "1 of 1 trade (100.0 %) could not be resolved",
    }
    assert what.get(kind, "Verdict") in page.visible


def agrees_with_the_trades(result: RunResult, page: Page) -> None:
    """The page and the console against what trades.json says, recomputed in cents."""
    trades = json.loads(result.to_json())["trades"]
    cents = [round(t["pnl_dollars"] * 100) for t in trades if t["pnl_dollars"] is not None]
    total = sum(cents)
    sign = "+" if total > 0 else "-" if total < 0 else ""
    pnl = f"{sign}${abs(total) // 100:,}.{abs(total) % 100:02}"
    assert f"Profit and loss {pnl} " in page.texts["card-pnl"]
    worst, peak = 0, round(result.balance * 100)
    for dollars in result.equity_table["equity"].to_pylist():
        level = round(dollars * 100)
        peak = max(peak, level)
        worst = max(worst, peak - level)
    fall = f"${worst // 100:,}.{worst % 100:02}" if worst else "n/a"
    assert f"Maximum drawdown {fall}" in page.texts["card-drawdown"]
    assert page.visible.count("Maximum drawdown") == 1
    won = sum(1 for pnl_cents in cents if pnl_cents > 0)
    rate = f"{100 * won / len(cents):.1f} %" if cents else "n/a"
    assert f"Win rate {rate} {won:,} of {len(cents):,} trade" in page.texts["card-win-rate"]
    lost = -sum(c for c in cents if c < 0)
    factor = f"{sum(c for c in cents if c > 0) / lost:,.2f}" if lost else "n/a"
    assert f"Profit factor {factor} " in page.texts["card-profit-factor"]

    data = json.loads(trade_script(page))
    assert data["fields"] == list(FIELDS)
    rows = [dict(zip(FIELDS, row, strict=True)) for row in data["trades"]]
    assert [row["pnl"] for row in rows] == [t["pnl_dollars"] for t in trades]
    assert [row["credit"] for row in rows] == [t["entry_credit"] for t in trades]

    output = StringIO()
    print_report(result, make_console(output), [])
    if cents:
        assert f"{result.index_symbol} " in output.getvalue()
        assert f": {pnl} (" in output.getvalue().splitlines()[0]
        shown = " ".join(output.getvalue().split())
        assert f"Maximum drawdown {fall}" in shown


def test_costs_are_in_the_report(runs: dict[str, Callable[[], RunResult]]) -> None:
    result = runs["both"]()
    rows = [
        CostRow(
            slippage=slippage, delay_bars=delay, total_pnl=100.0 - 400 * slippage,
            total_trades=24, win_rate=0.5, profit_factor=1.5, max_drawdown=5.0,
        )
        for delay in (0, 1)
        for slippage in (0.0, 0.5, 1.0)
    ]  # fmt: skip
    page = Page(html_report(result, analyse(result, Costs(rows))))
    assert "Entered at once, nothing is left at 25.0 % of the half-spread." in page.texts["fills"]
    assert "50 % 1 bar late -$100.00 24 50.0 % 1.50" in page.texts["fills"]
    assert "loses it once more than 25 % of the half-spread is paid" in page.texts["verdict"]
    assert "bt-gex costs" in Page(html_report(result, analyse(result))).texts["fills"]


@pytest.mark.parametrize(
    ("doubtful", "says"),
    [
        (None, "half-spread. Market"),
        (0.0, "half-spread. Market"),
        (50.0, "half-spread, without the trades on doubtful prices at 12.5 %."),
        (100.0, "half-spread, and without the trades on doubtful prices there is no profit at any"),
    ],
)
def test_costs_without_doubtful_trades(doubtful: float | None, says: str) -> None:
    """$100.00 at mid, 0 at a quarter of the half-spread, of which the doubtful trades made so much:
    50 - 400 x 0.125 = 0."""
    rows = [
        CostRow(
            slippage=slippage, delay_bars=0, total_pnl=100.0 - 400 * slippage, total_trades=24,
            win_rate=0.5, profit_factor=1.5, max_drawdown=5.0, doubtful_trades=3,
            doubtful_pnl=doubtful,
        )
        for slippage in (0.0, 0.5, 1.0)
    ]  # fmt: skip
    assert f"nothing is left at 25.0 % of the {says}" in " ".join(cost_sentences(Costs(rows)))


def test_a_sweep_is_named(runs: dict[str, Callable[[], RunResult]]) -> None:
    sweep = replace(FOUND_BY, overfitting_probability=0.62, edges={"exit.stop_loss": 0.4})
    result = runs["both"]().found_by({"sweep": to_json(sweep)})
    page = Page(html_report(result, analyse(result)))
    assert "Probability of overfitting 62.0 %" in page.texts["bootstrap"]
    assert "SPX-sweep-x best +$900.00, average variant -$20.00" in page.texts["bootstrap"]
    assert "62 %" in page.texts["finding-overfit_winner"]
    assert "exit.stop_loss 0.4" in page.texts["finding-edge"]


def test_names_cannot_break_the_page(runs: dict[str, Callable[[], RunResult]]) -> None:
    result = runs["one trade"]()
    evil = "</script><script>alert(1)</script>"
    result.trade_records[0] = replace(result.trade_records[0], exit_reason=evil)
    result.source["database"] = "<b>x</b>&.db"
    text = html_report(result, analyse(result))
    assert text.count("<script") == 5
    page = Page(text)
    assert "<b>x</b>&.db" in page.visible
    assert json.loads(trade_script(page))["trades"][0][FIELDS.index("reason")] == evil


def test_a_year_of_trades_stays_under_three_megabytes(
    runs: dict[str, Callable[[], RunResult]],
) -> None:
    """2,900 trades with paths of 300 marks; what they hold besides is a real one's."""
    import pyarrow as pa

    one = runs["one trade"]()
    trade = one.trade_records[0]
    trades = [replace(trade, order_id=f"{trade.order_id}-{n}") for n in range(2_900)]
    values = np.round(np.random.default_rng(1).uniform(0.3, 4.0, (2_900, 300)) / 0.0125) * 0.0125
    stamps = np.repeat(np.array(["2026-01-12T15:00"], dtype="datetime64[ns]"), values.size)
    marks = pa.table(
        {
            "order_id": np.repeat([t.order_id for t in trades], 300),
            "time": pa.array(stamps).cast(pa.timestamp("ns", "UTC")),
            "value": values.ravel(),
        }
    )
    year = replace(one, trade_records=trades, marks_table=marks)
    size = len(html_report(year, analyse(year)).encode())
    assert 1_000_000 < size < 3_000_000


def test_a_year_of_sessions_stays_under_six_megabytes() -> None:
    year = long_run(252)
    size = len(html_report(year, analyse(year)).encode())
    assert 1_000_000 < size < 6_000_000


def decoded(coded: Any) -> dict[int, float | None]:
    """Values by row of a line as the page holds it."""
    rows, changes = coded
    row = level = 0
    found: dict[int, float | None] = {}
    for number, change in enumerate(changes):
        row = row + rows[number] if rows else number
        level += change or 0
        found[row] = None if change is None else level / 100
    return found


class TestSessionData:
    def test_a_session_as_the_page_draws_it(self) -> None:
        result = long_run(10)
        sessions = {one["day"]: one for one in json.loads(session_data(result))["sessions"]}
        assert list(sessions) == [str(row.session) for row in result.statistics.sessions]
        day = "2024-01-04"
        own = result.equity["session"] == day
        before = result.equity["equity"][result.equity["session"] < day].iloc[-1]
        market = result.market_table.to_pandas()
        spot = market["spot"][market["session"] == day].to_list()
        account = (result.equity["equity"][own] - before).to_list()
        one = sessions[day]
        assert (one["open"], one["bars"]) == (9.5 * 3600, 780)
        for coded, values in ((one["spot"], spot), (one["account"], account)):
            drawn = decoded(coded)
            assert len(drawn) < 420
            assert {0, 780} <= set(drawn)
            for row, value in drawn.items():
                assert value == pytest.approx(values[row], abs=0.0051)
            assert max(drawn.values()) == pytest.approx(max(values), abs=0.0051)
            assert min(drawn.values()) == pytest.approx(min(values), abs=0.0051)
        assert one["pnl"] == pytest.approx(account[-1])
        assert sessions["2024-01-11"]["status"] == "no data"
        assert "spot" not in sessions["2024-01-11"]

    def test_a_pin_is_known_by_its_changes(self) -> None:
        nan = float("nan")
        pin = np.array([nan, nan, 5.0, 5.0, 5.0, 10.0, nan, nan, 10.0, 10.0])
        assert steps(pin) == ([0, 2, 3, 1, 2, 1], [None, 500, 500, None, 0, 0])
        assert line(np.array([nan, 5.01, 5.0]), 10) == (0, [None, 501, -1])


class TestCalendar:
    def test_each_session_is_in_its_week(self) -> None:
        (january,) = calendar(long_run(10))
        assert january.title == "January 2024"
        weeks = [[day and day.number for day in week] for week in january.weeks]
        assert weeks == [
            [None, 2, 3, 4, 5],
            [8, 9, 10, 11, 12],
            [None, 16, None, None, None],
        ]
        cells = {day.number: day.cell for week in january.weeks for day in week if day}
        assert cells[11].text == "no data"
        worst = min(long_run(10).statistics.sessions, key=lambda row: row.trades_pnl_dollars)
        cell = cells[worst.session.day]
        assert (cell.style, cell.text) == ("l4", f"{worst.trades_pnl_dollars:.0f}")
        assert f"-${-worst.trades_pnl_dollars:,.2f}" in cell.title

    def test_months_and_years_add_up(self) -> None:
        result = long_run(40)
        grid = month_grid(result)
        assert grid.head == ["Jan", "Feb", "Year"]
        ((year, cells),) = grid.rows
        assert year == "2024"
        made = {"Jan": 0.0, "Feb": 0.0}
        for trade in result.trade_records:
            made[f"{trade.expiration:%b}"] += trade.pnl_dollars or 0.0
        for cell, pnl in zip(cells, (*made.values(), sum(made.values())), strict=True):
            assert gain(round(pnl, 2)) in cell.title
            assert cell.text == short_gain(round(pnl, 2))

    def test_entry_times_by_weekday(self) -> None:
        result = long_run(10)
        heat = entry_heat(result)
        assert heat.head == ["Mon", "Tue", "Wed", "Thu", "Fri"]
        own = [
            trade.pnl_dollars or 0.0
            for trade in result.trade_records
            if f"{new_york_time(trade.timestamp_entry):%a %H:%M}" == "Wed 10:30"
        ]
        cell = dict(heat.rows)["10:30"][2]
        assert (cell.text, cell.small) == (short_gain(round(sum(own), 2)), str(len(own)))

    @pytest.mark.parametrize(
        ("amount", "text"),
        [(0.0, "0"), (0.4, "0"), (-45.2, "-45"), (999.4, "+999"), (999.6, "+1.0k"),
         (-1_250.0, "-1.2k"), (9_960.0, "+10k"), (-123_456.0, "-123k")],
    )  # fmt: skip
    def test_short_amounts(self, amount: float, text: str) -> None:
        assert short_gain(amount) == text

    @pytest.mark.parametrize(
        ("value", "style"),
        [(0.0, ""), (None, ""), (0.1, "g1"), (24.9, "g1"), (25.0, "g2"), (100.0, "g4"),
         (-74.9, "l3"), (-75.0, "l4")],
    )  # fmt: skip
    def test_shades(self, value: float | None, style: str) -> None:
        assert heat_class(value, 100.0) == style


def test_skips_are_grouped_by_kind() -> None:
    page = Page(html_report(long_run(10), analyse(long_run(10))))
    text = page.texts["funnel"]
    decisions = [d for d in long_run(10).decision_records if d.kind == "no quote"]
    assert f"no quote {len(decisions)} (" in text
    kinds = {kind.kind: kind for kind in reasons(long_run(600))}
    assert sum(int(n.replace(",", "")) for _, n in kinds["no quote"].texts) == int(
        kinds["no quote"].times.replace(",", "")
    )
    assert len(kinds["no quote"].texts) == 16
    assert "other texts" in kinds["no quote"].texts[-1][0]


def test_without_javascript_few_trades_are_there_and_many_are_named() -> None:
    assert f"{long_run(10).trade_records[0].order_id} " in html_report(
        long_run(10), analyse(long_run(10))
    ).split("<noscript>")[2].split("</noscript>")[0].replace("<", " <")
    assert plain_trades(long_run(60)) == []


def test_thinning_a_path_keeps_its_extremes_and_gaps() -> None:
    path = np.sin(np.arange(1_000) / 50)
    path[400:450] = np.nan
    path[777] = 9.0
    bars, values = thinned_path(path, 60)
    assert bars is not None
    assert len(bars) == len(values) < 70
    known: list[Any] = [value for value in values if value is not None]
    assert max(known) == 9.0
    assert min(known) == pytest.approx(float(np.nanmin(path)), abs=1e-4)
    assert {0, 399, 400, 449, 450, 777, 999} <= set(bars)
    assert values[bars.index(400)] is None
    assert thinned_path(path[:50], 60)[0] is None


def test_a_synthetic_session_from_end_to_end(tmp_path: Path) -> None:
    from datetime import date

    with new_file(tmp_path / "m.db") as engine:
        days = {"start": date(2026, 1, 12), "end": date(2026, 1, 13)}
        write(SynthConfig(**days, seed=7, strikes_within=60), engine)
    result = replay(tmp_path / "m.db", RunConfig(**days))
    page = Page(html_report(result, analyse(result)))
    agrees_with_the_trades(result, page)
    data = json.loads(trade_script(page))
    rows = [dict(zip(FIELDS, row, strict=True)) for row in data["trades"]]
    for row, trade in zip(rows, result.trade_records, strict=True):
        assert len(row["legs"]) == len(trade.strikes)
        if row["bars"] is None:
            assert len(row["path"]) == round(2 * trade.time_alive_minutes) + 1
        signs = [-1, 1] * (len(row["legs"]) // 2)
        bought_back = sum(
            (leg[2] if sign > 0 else leg[3]) * -sign
            for sign, leg in zip(signs, row["legs"], strict=True)
        )
        sold = sum(
            (leg[1] if sign > 0 else leg[0]) * -sign
            for sign, leg in zip(signs, row["legs"], strict=True)
        )
        assert sold == pytest.approx(trade.entry_credit)  # at natural fills
        if "clamped_exit" not in trade.flags:
            assert bought_back == pytest.approx(trade.exit_value)


def test_gaps_in_the_quotes_are_noted(make: Make) -> None:
    """Quoted to 11:00 and from 11:10 to 15:59: ten minutes without; the ends are within 120 s."""

    def torn(market: Market) -> None:
        market.quotes("09:31", "11:00", put_spread(1.2))
        market.quotes("11:10", "15:59", put_spread(1.2))

    result = make(torn)
    (session,) = result.statistics.sessions
    assert session.notes == ("1 gap in the quotes, longest 600 s from 11:00:00",)
    assert session.notes[0] in Page(html_report(result, analyse(result))).texts["data"]
