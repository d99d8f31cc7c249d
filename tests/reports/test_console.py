"""What a person reads on the terminal, or finds in a pipe."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from long_result import long_run
from record_fakes import NO_DATA
from report_fakes import CONFIG, SESSIONS, UNRESOLVED, no_trades, two_trades, with_statistics
from rich.console import Console

from bt_gex.findings.finding import Finding
from bt_gex.reports.console.report import SCREEN_LINES, print_report
from bt_gex.reports.console.run import make_console, print_combined
from bt_gex.reports.words import dollars, gain, number, ratio
from bt_gex.results.result import RunResult
from bt_gex.results.statistics import Combined


def printed(show: Callable[[Console], Any]) -> str:
    file = io.StringIO()
    show(make_console(file))
    return file.getvalue()


def report(result: RunResult) -> str:
    return printed(lambda console: print_report(result, console, [NO_DATA]))


def words(text: str) -> list[str]:
    """Lines without what only aligns them."""
    return [" ".join(line.split()) for line in text.splitlines()]


class TestReport:
    def test_the_verdict_comes_first(self) -> None:
        assert report(two_trades()).splitlines()[0].strip() == (
            "SPX 2026-01-12 to 2026-01-13: +$170.00 (+0.68 %), 2 trades, 1 won, 1 lost, "
            "drawdown $60.00 (0.2 %)"
        )

    def test_says_what_it_rests_on(self) -> None:
        text = " ".join(words(report(two_trades())))
        assert "fills natural (100 % of the half-spread at entry, 100 % at exit)" in text
        assert "commission $0.00 per contract, per leg, per side" in text
        assert "balance at start $25,000.00" in text
        assert "run SPX-20260112-20260113-a1b2c3, not saved" in text

    @pytest.mark.parametrize(
        "line",
        [
            "Profit and loss +$170.00 Return +0.68 %",
            "Average win $215.00 Average loss $45.00",
            "Won, lost, even 1, 1, 0 Profit factor 4.78",
            "Expectancy +$85.00 Minutes held 16.2",
            "Return a year n/a Calmar ratio n/a",
            "Premium received $660.00 Commission paid $0.00",
            "Sortino ratio n/a Final balance $25,170.00",
            "Maximum drawdown $60.00 (0.2 %), within the session of 2026-01-12",
            "12 entry attempts on 780 bars: 2 entered (16.7 %), 10 skipped",
            "3 25.0 % no quote no quote: 6955P (3 times)",
            "SPX-won +$215.00 30.0 Profit Target",
            "SPX-lost -$45.00 2.5 Stop Loss",
            "IC 1 1 100.0 % +$215.00",
            "MEDIUM 1 0 0.0 % -$45.00",
            "Stop Loss 1 0 0.0 % -$45.00",
            "10:00 1 1 100.0 % +$215.00",
            "Mon 2 1 50.0 % +$170.00",
            "Tue 2026-01-13 no data 0 0",
            "quote rows 4,000, crossed 120",
        ],
    )
    def test_has_the_line(self, line: str) -> None:
        assert line in words(report(two_trades()))

    def test_session_lines_have_profit_share_priced_and_notes(self) -> None:
        text = " ".join(words(report(two_trades())))
        assert "Mon 2026-01-12 traded 12 2 +$170.00 97.1 % peaks computed from" in text

    def test_skips_are_counted_by_kind_with_the_most_frequent_text(self) -> None:
        text = " ".join(words(report(two_trades())))
        assert "7 58.3 % too far from pin SPX 61pts from pin" in text
        assert "(3 times; 4 other texts)" in text
        assert "SPX 52pts" not in text

    def test_warnings_follow_the_verdict(self) -> None:
        lines = words(report(two_trades()))
        assert lines[1:3] == ["1 warning", f"! {NO_DATA.text} {NO_DATA.next_step}"]

    def test_without_findings_there_are_no_warnings(self) -> None:
        text = printed(lambda console: print_report(two_trades(), console, []))
        assert "warning" not in text

    def test_warnings_are_yellow_on_a_terminal(self) -> None:
        file = io.StringIO()
        console = Console(file=file, force_terminal=True, color_system="standard", width=100)
        print_report(two_trades(), console, [NO_DATA])
        assert "\x1b[33m" in file.getvalue().splitlines()[2]

    def test_a_pipe_gets_plain_text_of_at_most_100_columns(self) -> None:
        text = report(two_trades())
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) <= 100

    def test_texts_are_printed_as_they_are(self) -> None:
        assert "SPX 61pts from pin [zone] too far, skip (limit: 50pts)" in report(two_trades())

    @pytest.mark.parametrize("width", [60, 80])
    def test_a_narrow_console_loses_nothing(self, width: int) -> None:
        file = io.StringIO()
        console = make_console(file)
        console.width = width
        print_report(two_trades(), console, [NO_DATA])
        assert "…" not in file.getvalue()
        together = "".join(file.getvalue().split())
        assert "SPX61ptsfrompin[zone]toofar,skip(limit:50pts)" in together
        assert "(2026-01-13):itcoversless." in together

    def test_unresolved_trades_are_named(self) -> None:
        one = replace(two_trades().statistics.totals, unresolved=1)
        result = with_statistics(two_trades(), totals=one)
        assert "Unresolved 1 trade, outside all figures" in words(report(result))


def narrow(result: RunResult, findings: list[Finding]) -> list[str]:
    """The lines on a terminal of 80 columns."""
    file = io.StringIO()
    console = make_console(file)
    console.width = 80
    print_report(result, console, findings)
    return words(file.getvalue())


def findings_of(number: int, length: int, **about: Any) -> list[Finding]:
    """Findings whose texts take about so many lines of 80 columns."""
    words = "word " * 15 * length
    found = Finding(kind="no_data", text="", next_step="Go.", **about)
    return [replace(found, text=f"Fault {n}: {words}") for n in range(number)]


class TestFirstScreen:
    def test_what_is_too_much_for_it_comes_last(self) -> None:
        lines = narrow(two_trades(), findings_of(9, 3))
        screen = lines[:SCREEN_LINES]
        assert "2 trades, 1 won, 1 lost" in " ".join(screen[:2])
        assert screen[2] == "9 warnings, the gravest first; 6 more at the end"
        shown = [line[:9] for line in screen if line.startswith("! Fault")]
        assert shown == ["! Fault 0", "! Fault 1", "! Fault 2"]
        assert "run SPX-20260112-20260113-a1b2c3, not saved" in screen
        at = lines.index("6 further warnings")
        left = [line[:9] for line in lines[at:] if line.startswith("! Fault")]
        assert left == [f"! Fault {n}" for n in range(3, 9)]

    def test_all_are_there_where_they_fit(self) -> None:
        lines = narrow(two_trades(), findings_of(3, 1))
        assert lines[2] == "3 warnings"
        assert "further" not in " ".join(lines)

    def test_the_first_is_there_however_long_it_is(self) -> None:
        lines = narrow(two_trades(), findings_of(2, 30))
        assert lines[3].startswith("! Fault 0")
        assert "1 further warning" in lines

    def test_order_ids_of_some_trades_are_named(self) -> None:
        (found,) = findings_of(1, 1, order_ids=("SPX-lost",))
        assert "SPX-lost" in narrow(two_trades(), [found])[4:7]
        every = replace(found, order_ids=("SPX-lost", "SPX-won"))
        assert "SPX-lost, SPX-won" not in narrow(two_trades(), [every])
        many = replace(found, order_ids=tuple(f"SPX-{n}" for n in range(5)))
        result = replace(two_trades(), trade_records=two_trades().trade_records * 3)
        assert "SPX-0, SPX-1 and 3 more" in narrow(result, [many])

    def test_a_profit_that_rests_on_doubtful_trades_says_so_in_the_verdict(self) -> None:
        found = Finding(
            kind="no_bid", text="x.", next_step="y.", order_ids=("SPX-won",), dollars=215.0
        )
        head = " ".join(narrow(two_trades(), [found])[:4])
        assert "+$170.00" in head
        assert "; but 1 of 2 trades on a leg without a bid made +$215.00, all others" in head


class TestLongRun:
    def test_sessions_become_months_from_twenty_on(self) -> None:
        lines = narrow(long_run(20), [])
        (january,) = (line for line in lines if line.startswith("2024-01 "))
        assert january.startswith("2024-01 19 of 20")
        assert not [line for line in lines if line.startswith("Tue 2024-01-02")]
        assert "Tue 2024-01-02 traded" in " ".join(narrow(long_run(19), []))

    def test_two_years_have_their_sums(self) -> None:
        result = long_run(270)
        lines = narrow(result, [])
        pnls = {"2024": 0.0, "2025": 0.0}
        for trade in result.trade_records:
            pnls[f"{trade.expiration:%Y}"] += trade.pnl_dollars or 0.0
        for year, pnl in pnls.items():
            (line,) = (line for line in lines if line.startswith(f"{year} "))
            assert gain(round(pnl, 2)) in line
        assert max(map(len, lines)) <= 80

    def test_of_many_trades_the_best_and_worst_are_named(self) -> None:
        result = long_run(20)
        made = sorted(trade.pnl_dollars or 0.0 for trade in result.trade_records)
        lines = narrow(result, [])
        at = lines.index("Best and worst trades") + 4
        shown = [line.split()[1] for line in lines[at : at + 6]]
        assert shown == [gain(pnl) for pnl in (*made[:-4:-1], *made[2::-1])]
        assert all(line.split()[0].startswith("SPX-2024") for line in lines[at : at + 6])


class TestNoTrades:
    def test_says_why(self) -> None:
        lines = words(report(no_trades()))
        assert " ".join(lines[:2]) == (
            "SPX 2026-01-12 to 2026-01-13: no trades - 12 checks, all skipped, most often: "
            "too far from pin (9), no quote (3)"
        )
        assert "9 75.0 % too far from pin" in " ".join(lines)
        assert "Tue 2026-01-13 no data 0 0" in lines
        assert "Statistics" not in lines

    def test_dates_without_sessions(self) -> None:
        result = with_statistics(no_trades(), sessions=())
        assert "no trades - the dates hold no session (weekends or holidays)" in report(result)

    def test_sessions_without_data(self) -> None:
        result = with_statistics(no_trades(), sessions=SESSIONS[1:] * 3)
        assert "no trades - no data for 3 sessions" in report(result)

    def test_nothing_but_unresolved_trades(self) -> None:
        funnel = replace(no_trades().statistics.funnel, entries=1, unresolved=1)
        result = with_statistics(no_trades(), funnel=funnel)
        result = replace(result, trade_records=[UNRESOLVED])
        assert "no trades - 1 trade entered, none could be resolved" in report(result)


def test_combined_has_a_row_for_each_index_and_a_total() -> None:
    ndx = replace(no_trades(), config=CONFIG | {"index": "NDX"})
    spx = two_trades()
    total = Combined(
        totals=replace(spx.statistics.totals, return_pct=0.34),
        groups=spx.statistics.groups,
        max_drawdown_mtm=60.0,
        performance=spx.statistics.performance,
    )
    found = [[NO_DATA], []]
    lines = words(printed(lambda console: print_combined([spx, ndx], total, found, console)))
    assert lines[0] == "SPX + NDX 2026-01-12 to 2026-01-13: +$170.00 with 2 trades"
    assert "SPX 2 1 50.0 % +$170.00 +0.68 % 4.78 $60.00" in lines
    assert "NDX 0 0 n/a $0.00 +0.00 % n/a $0.00" in lines
    assert "Total 2 1 50.0 % +$170.00 +0.34 % 4.78 $60.00" in lines
    assert (
        "NDX: no trades - 12 checks, all skipped, most often: too far from pin (9), no quote (3)"
        in lines
    )
    assert lines[-2:] == ["1 warning", f"! SPX: {NO_DATA.text} {NO_DATA.next_step}"]
    of_won = replace(NO_DATA, kind="clamped", trades=1, order_ids=("SPX-won",), dollars=215.0)
    said = " ".join(
        words(printed(lambda console: print_combined([spx, ndx], total, [[of_won], []], console)))
    )
    assert "; but 1 of 2 trades on clamped prices made +$215.00, all others -$45.00" in said


class TestNumbers:
    @pytest.mark.parametrize(
        ("amount", "text"),
        [(1234.5, "$1,234.50"), (-45.0, "-$45.00"), (0.0, "$0.00"), (-0.001, "$0.00")],
    )
    def test_dollars(self, amount: float, text: str) -> None:
        assert dollars(amount) == text

    def test_profits_are_signed(self) -> None:
        assert (gain(215.0), gain(-45.0), gain(0.0)) == ("+$215.00", "-$45.00", "$0.00")

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (6980.0, "6,980.00"),
            (2.5, "2.50"),
            (2.585, "2.585"),
            (2.0250000004, "2.025"),
            (0.1 + 0.2, "0.30"),
            (2.58504, "2.585"),
        ],
    )
    def test_points(self, value: float, text: str) -> None:
        assert number(value) == text

    def test_what_does_not_exist(self) -> None:
        assert dollars(None) == gain(None) == number(None) == ratio(None) == "n/a"
