"""A picture drawn by another process is the picture drawn here."""

from __future__ import annotations

import math
import os
import signal
import time

import pytest
from report_fakes import two_trades

from bt_gex.reports.charts.figures import equity_figure, png_bytes
from bt_gex.reports.charts.painter import Painter


def test_the_same_picture() -> None:
    here = png_bytes(equity_figure(two_trades()))
    for aside in (True, False):
        with Painter(aside) as painter:
            first = painter.draw(equity_figure, two_trades())
            assert first() == here
            assert painter.draw(equity_figure, two_trades())() == here


def test_an_error_comes_back() -> None:
    with Painter() as painter, pytest.raises(ValueError, match="math domain error"):
        painter.draw(math.sqrt, -1)()


def test_where_it_has_died_the_picture_is_drawn_here() -> None:
    with Painter() as painter:
        assert painter._process is not None
        os.kill(painter._process.pid, signal.SIGKILL)
        painter._process.wait()
        assert painter.draw(equity_figure, two_trades())() == png_bytes(equity_figure(two_trades()))


def test_none_is_left_behind() -> None:
    with Painter() as painter:
        assert painter._process is not None
        pid = painter._process.pid
    time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
