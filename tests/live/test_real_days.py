"""Sessions on days that really were, where the shared recordings are at hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from live.desk import database_trades, kept, plan_of, play, trades

from bt_gex.live.parity import parity, replayed

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("blackbox_spx_20180105.db", date(2018, 1, 5)),
        ("blackbox_spxw_lean_202101.db", date(2021, 1, 5)),
    ],
)
def test_a_session_is_the_replay(name: str, day: date, tmp_path: Path) -> None:
    path = REAL / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    plan = plan_of(path, tmp_path / "home", day=day, settings={"fills.commission": 0.65})
    assert play(plan).is_over
    recorded = kept(plan)
    mine = replayed(recorded)
    assert trades(mine.result) == database_trades(plan)
    score = parity(recorded, of=mine)
    assert score.identical
    assert score.differences == ()
