"""Between numpy and arrow without a copy, and without pandas, which pyarrow would load for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd


def to_arrow(values: npt.NDArray[Any], kind: pa.DataType | None = None) -> pa.Array:
    """Numbers as an arrow array; NaN stays NaN.

    kind  another type of the same width, such as a timestamp for int64 nanoseconds
    """
    plain = np.ascontiguousarray(values)
    inferred = pa.from_numpy_dtype(plain.dtype)
    return pa.Array.from_buffers(kind or inferred, len(plain), [None, pa.py_buffer(plain)])


def to_numpy(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    """Numbers or instants of a column as a numpy array; instants as int64, a null as NaN.

    Raises ValueError for nulls in a column of whole numbers or instants.
    """
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    is_float = pa.types.is_floating(whole.type)
    if whole.null_count and is_float:
        return np.array([np.nan if v is None else v for v in whole.to_pylist()])
    if whole.null_count:
        raise ValueError(f"{whole.null_count} nulls among {len(whole)} values")
    dtype = np.dtype(f"{'f' if is_float else 'i'}{whole.type.byte_width}")
    if not len(whole):
        return np.empty(0, dtype)
    return np.frombuffer(whole.buffers()[1], dtype, len(whole), whole.offset * dtype.itemsize)


def column_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Python values as a column of text, numbers, lists, or structs of mappings; None is null."""
    known = np.array([value is not None for value in values], dtype=np.bool_)
    nulls = None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little").tobytes())
    if pa.types.is_list(kind):
        filled = [[] if value is None else list(value) for value in values]
        items = column_of([item for value in filled for item in value], kind.value_type)
        buffers = [nulls, _offsets([len(value) for value in filled])]
        return pa.Array.from_buffers(kind, len(values), buffers, children=[items])
    if pa.types.is_struct(kind):
        return pa.Array.from_buffers(kind, len(values), [nulls], children=_parts(values, kind))
    if pa.types.is_string(kind):
        return pa.Array.from_buffers(kind, len(values), [nulls, *_texts(values)])
    numbers = np.array([0 if value is None else value for value in values], kind.to_pandas_dtype())
    return pa.Array.from_buffers(kind, len(values), [nulls, pa.py_buffer(numbers)])


def _texts(values: Sequence[object]) -> list[pa.Buffer]:
    texts = [b"" if value is None else str(value).encode() for value in values]
    return [_offsets([len(text) for text in texts]), pa.py_buffer(b"".join(texts))]


def _parts(values: Sequence[Any], kind: pa.StructType) -> list[pa.Array]:
    rows = [{} if value is None else value for value in values]
    return [column_of([row.get(part.name) for row in rows], part.type) for part in kind]


def _offsets(lengths: Sequence[int]) -> pa.Buffer:
    return pa.py_buffer(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


def rows_by_name(column: Any) -> dict[str, npt.NDArray[np.int64]]:
    """Rows of each text of a column, ascending; texts in the order in which they first occur."""
    coded = column.combine_chunks().dictionary_encode()
    codes = to_numpy(coded.indices)  # its own would load pandas
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(coded.dictionary)))
    parts = np.split(order, ends[:-1]) if len(ends) else []
    return dict(zip(coded.dictionary.to_pylist(), parts, strict=True))


def data_frame(table: pa.Table) -> pd.DataFrame:
    """The table as pandas has it; loads pandas."""
    frame: pd.DataFrame = table.to_pandas()
    return frame
