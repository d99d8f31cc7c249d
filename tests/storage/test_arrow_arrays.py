"""Columns made without pandas are those pyarrow makes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bt_gex.storage.arrow_arrays import column_of, to_arrow, to_numpy


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5, None, -0.0], pa.float64()),
        ([1, 2, None], pa.int64()),
        (["a", None, "", "äß"], pa.string()),
        ([[1.0, 2.0], [], None, [3.0]], pa.list_(pa.float64())),
        ([["x"], ["y", "zz"]], pa.list_(pa.string())),
        ([], pa.string()),
        ([], pa.float64()),
        ([None] * 9, pa.int64()),
    ],
)
def test_columns(values: list[Any], kind: pa.DataType) -> None:
    made = column_of(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))


@pytest.mark.parametrize("values", [["much"], [object()]])
def test_what_is_no_number(values: list[Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        column_of(values, pa.float64())


def test_there_and_back() -> None:
    stamps = np.array([1, 2, 3], dtype=np.int64)
    column = to_arrow(stamps, pa.timestamp("ns", "UTC"))
    assert str(column.type) == "timestamp[ns, tz=UTC]"
    np.testing.assert_array_equal(to_numpy(column), stamps)
    sliced = pa.chunked_array([to_arrow(np.array([0.5, 1.5, 2.5]))]).slice(1)
    np.testing.assert_array_equal(to_numpy(sliced), [1.5, 2.5])
    np.testing.assert_array_equal(to_numpy(pa.array([1.0, None])), [1.0, np.nan])
    assert len(to_numpy(pa.array([], pa.float64()))) == 0
    with pytest.raises(ValueError, match="1 nulls among 2 values"):
        to_numpy(pa.array([1, None]))


def test_pandas_stays_out() -> None:
    code = (
        "import sys, numpy as np, pyarrow as pa\n"
        "from bt_gex.storage.arrow_arrays import column_of, to_arrow, to_numpy\n"
        "to_numpy(to_arrow(np.arange(3.0))); column_of(['a'], pa.string())\n"
        "print('pandas' in sys.modules)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"
