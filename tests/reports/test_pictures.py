"""Pictures hold what they should; how they look is for the eye."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from long_result import long_run
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from report_fakes import CONFIG, UNRESOLVED, equity, marks, no_trades, two_trades, with_statistics
from typed_records import changed

from bt_gex.errors import OutputError, UnknownName
from bt_gex.reports.charts.pictures import (
    combined_figure,
    equity_figure,
    figure_by_name,
    png_bytes,
    save_png,
    trade_figure,
)
from bt_gex.reports.charts.session import session_figure
from bt_gex.reports.words import gain


def panels(figure: Figure) -> list[Any]:
    return list(figure.axes)


def title(axes: Any) -> str:
    return str(axes.get_title(loc="left")).replace("\\$", "$")


def labels(axes: Any) -> list[str]:
    return [text.get_text().replace("\\$", "$") for text in axes.get_legend().get_texts()]


def markers(axes: Any) -> dict[str, list[list[float]]]:
    """Places of the markers by label."""
    return {
        str(dots.get_label()): np.asarray(dots.get_offsets()).tolist() for dots in axes.collections
    }


def times(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_xticklabels()]


class TestEquity:
    def test_titles_and_axes(self) -> None:
        top, bottom = panels(equity_figure(two_trades()))
        assert title(top) == (
            "SPX 2026-01-12 to 2026-01-13: +$170.00 (+0.68 %), 2 trades, 1 won, 1 lost, "
            "drawdown $60.00 (0.2 %)\n"
            "fills natural (100 % of the half-spread at entry, 100 % at exit)"
        )
        assert (top.get_ylabel(), bottom.get_ylabel()) == ("account ($)", "drawdown ($)")
        assert bottom.get_xlabel() == "New York time, Mon 2026-01-12"
        assert times(bottom) == ["09:30", *(f"{hour}:00" for hour in range(10, 17))]

    def test_each_trade_is_marked_at_its_exit(self) -> None:
        top, _ = panels(equity_figure(two_trades()))
        assert markers(top) == {  # 09:38:30 is row 17, 10:30 is row 120
            "lost (1)": [[17.0, 24_955.0]],
            "won (1)": [[120.0, 25_170.0]],
        }

    def test_outcomes_differ_by_marker_and_colour(self) -> None:
        result = two_trades()
        even = changed(result.trade_records[0], pnl_dollars=0.0)
        four = replace(result, trade_records=[*result.trade_records, even, UNRESOLVED])
        dots = panels(equity_figure(four))[0].collections
        assert [d.get_label() for d in dots] == [
            "won (1)",
            "lost (1)",
            "even (1)",
            "unresolved (1)",
        ]
        assert len({d.get_paths()[0].vertices.tobytes() for d in dots}) == 4
        assert len({tuple(d.get_facecolor()[0]) for d in dots}) == 4

    def test_drawdown_hangs_below_zero(self) -> None:
        _, bottom = panels(equity_figure(two_trades()))
        line = bottom.lines[0].get_ydata()
        assert (line.max(), line.min(), int(line.argmin())) == (0.0, -60.0, 15)
        assert bottom.texts[0].get_text().replace("\\$", "$") == "worst -$60.00"

    def test_sessions_stand_side_by_side(self) -> None:
        two = equity([("2026-01-16", 780), ("2026-01-20", 420)])  # a long weekend between
        bottom = panels(equity_figure(replace(two_trades(), equity_table=two)))[1]
        assert list(bottom.get_xticks()) == [0, 781]
        assert times(bottom) == ["Fri\n2026-01-16", "Tue\n2026-01-20"]
        assert bottom.get_xlabel() == "New York time, 2 sessions side by side"

    def test_a_year_has_room_for_its_labels(self) -> None:
        days = pd.bdate_range("2025-01-02", periods=250)
        year = equity([(f"{day:%Y-%m-%d}", 4) for day in days])
        figure = equity_figure(replace(two_trades(), equity_table=year))
        assert times(panels(figure)[1])[:2] == ["2025-01-02", "2025-02-06"]  # every 25th
        assert len(times(panels(figure)[1])) == 10

    def test_many_trades_stand_at_the_foot(self) -> None:
        result = two_trades()
        many = replace(result, trade_records=result.trade_records * 150)
        top, _ = panels(equity_figure(many))
        assert {height for dots in markers(top).values() for _, height in dots} == {0.08, 0.055}

    def test_no_trades_says_why(self) -> None:
        top, _ = panels(equity_figure(no_trades()))
        assert top.texts[0].get_text().replace("\n", " ") == (
            "no trades: 12 checks, all skipped, most often: too far from pin (9), no quote (3)"
        )

    def test_no_sessions_draws_all_the_same(self) -> None:
        nothing = with_statistics(no_trades(), sessions=())
        nothing = replace(nothing, equity_table=nothing.equity_table.slice(0, 0))
        figure = equity_figure(nothing)
        assert "the dates hold no session" in panels(figure)[0].texts[0].get_text()
        png_bytes(figure)


class TestTrade:
    def test_titles_and_axes(self) -> None:
        (axes,) = panels(trade_figure(two_trades(), "SPX-lost"))
        assert title(axes) == (
            "SPX-lost: PUT 6955/6945, -$45.00 (Stop Loss)\n"
            "1 contract sold for 2.35, closed at 2.80; index 6,962.16; pin 6,985.00; VIX 14.62"
        )
        assert axes.get_ylabel() == "value of the spread (points)"
        assert axes.get_xlabel() == "New York time, Mon 2026-01-12"

    def test_path_fills_and_thresholds(self) -> None:
        figure = trade_figure(two_trades(), "SPX-lost")
        (axes,) = panels(figure)
        path, *levels = axes.lines
        np.testing.assert_array_equal(path.get_ydata(), [2.55, 2.30, np.nan, np.nan, 2.45, 2.75])
        assert [round(line.get_ydata()[0], 9) for line in levels] == [2.35, 0.94, 2.585, 3.29]
        assert [height for dots in markers(axes).values() for _, height in dots] == [2.35, 2.80]
        assert [text.get_text().replace("\\$", "$") for text in axes.texts] == [
            "Profit Target 0.94\n+$141.00 at mid",
            "Credit 2.35",
            "Stop Loss 2.585\n-$23.50 at mid",
            "Emergency Stop 3.29\n-$94.00 at mid",
        ]
        figure.draw_without_rendering()
        assert "09:36:00" in times(axes)  # 14:36 UTC

    def test_bars_without_a_price_are_shaded(self) -> None:
        (axes,) = panels(trade_figure(two_trades(), "SPX-lost"))
        (shade,) = axes.patches
        first = pd.Timestamp("2026-01-12 14:37", tz="UTC").timestamp() / 86_400
        assert shade.get_x() == pytest.approx(first, abs=1e-9)
        assert shade.get_width() == pytest.approx(60 / 86_400, abs=1e-9)
        assert "no valid quote (2 bars)" in labels(axes)

    def test_the_last_bar_may_be_without_a_price(self) -> None:
        path = marks("SPX-lost", "2026-01-12 14:36", [2.55, None])
        (axes,) = panels(trade_figure(replace(two_trades(), marks_table=path), "SPX-lost"))
        assert len(axes.patches) == 1

    def test_an_unresolved_trade_has_no_exit(self) -> None:
        result = replace(two_trades(), trade_records=[UNRESOLVED])
        figure = trade_figure(result, "SPX-open")
        assert "no P&L (Unresolved)" in title(panels(figure)[0])
        assert len(markers(panels(figure)[0])) == 1
        png_bytes(figure)

    def test_an_unknown_trade_gets_a_suggestion(self) -> None:
        with pytest.raises(UnknownName, match="did you mean SPX-lost"):
            trade_figure(two_trades(), "SPX-last")


class TestCombined:
    def test_has_a_line_for_each_index_and_the_total(self) -> None:
        ndx = replace(two_trades(), config=CONFIG | {"index": "NDX"})
        top, bottom = panels(combined_figure([two_trades(), ndx]))
        assert title(top).splitlines()[0] == (
            "SPX + NDX 2026-01-12 to 2026-01-13: +$340.00 with 4 trades"
        )
        assert labels(top) == ["SPX +$170.00", "NDX +$170.00", "total +$340.00"]
        assert bottom.lines[0].get_ydata().min() == -120.0

    def test_an_index_without_sessions_made_nothing(self) -> None:
        other = no_trades()
        ndx = replace(
            other, config=CONFIG | {"index": "NDX"}, equity_table=other.equity_table.slice(0, 0)
        )
        top, _ = panels(combined_figure([two_trades(), ndx]))
        assert labels(top) == ["SPX +$170.00", "NDX $0.00", "total +$170.00"]


class TestFile:
    def test_same_bytes_twice(self, tmp_path: Path) -> None:
        for name in ("a.png", "b.png"):
            save_png(equity_figure(two_trades()), tmp_path / name)
        first, second = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
        assert first == second
        assert first.startswith(b"\x89PNG")

    def test_a_trade_twice(self) -> None:
        first, second = (png_bytes(trade_figure(two_trades(), "SPX-lost")) for _ in range(2))
        assert first == second

    def test_replaces_a_file_and_leaves_nothing_beside_it(self, tmp_path: Path) -> None:
        target = tmp_path / "equity.png"
        target.write_text("old")
        save_png(equity_figure(no_trades()), target)
        assert target.read_bytes().startswith(b"\x89PNG")
        assert list(tmp_path.iterdir()) == [target]

    def test_a_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match=r"cannot write .*none/equity\.png"):
            save_png(equity_figure(no_trades()), tmp_path / "none" / "equity.png")


def test_ticks_of_index_points_say_where_they_are() -> None:
    """An axis over 10 points has ticks 2.5 apart; 6,952.5 was labelled 6,952."""
    day = str(two_trades().statistics.sessions[0].session)
    axes = panels(session_figure(two_trades(), day))[0]
    places = [6950.0, 6952.5, 6955.0, 6957.25]
    axes.set_yticks(places)
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == ["6,950", "6,952.5", "6,955", "6,957.25"]


class TestCalendar:
    def test_a_short_run_has_one_panel_with_amounts(self) -> None:
        result = long_run(10)
        axes, _scale = panels(figure_by_name(result, "calendar"))
        amounts = [text.get_text().replace("\\$", "$") for text in axes.texts]
        by_weekday = sorted(
            (row for row in result.statistics.sessions if row.entries),
            key=lambda row: (row.session.weekday(), row.session),
        )
        assert amounts == [gain(row.trades_pnl_dollars).replace(".00", "") for row in by_weekday]

    def test_a_long_run_has_a_panel_a_year(self) -> None:
        figure = figure_by_name(long_run(300), "calendar")
        panels_of_years = [
            axes for axes in panels(figure) if axes.get_yticklabels()[0].get_text() == "Mon"
        ]
        assert [axes.get_xticklabels()[0].get_text() for axes in panels_of_years] == [
            "2024-01-01",
            "2024-12-30",
        ]
        cells = [axes.collections[0].get_array() for axes in panels_of_years]
        result = long_run(300)
        for year, found in zip((2024, 2025), cells, strict=True):
            own = [r for r in result.statistics.sessions if r.session.year == year]
            assert found.count() == sum(1 for row in own if row.status != "no data")
            assert found.sum() == pytest.approx(sum(row.trades_pnl_dollars for row in own))

    def test_amounts_can_be_read_on_their_cells(self) -> None:
        """White on dark cells, black on the others, by the contrast of WCAG."""
        axes, _scale = panels(figure_by_name(long_run(600), "entry-times"))
        (image,) = axes.collections
        values = image.get_array().compressed()
        for text, value in zip(axes.texts, values, strict=True):
            cell = image.cmap(image.norm(value))[:3]
            ink = to_rgb(text.get_color())
            bright, dark = sorted((luminance(cell), luminance(ink)), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) > 3.0


def luminance(colour: Any) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
