"""Compiling the rules and the loop around them, once for each text of theirs."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from bt_gex.blackbox.cache import default_folder
from bt_gex.brokers import fills, spread
from bt_gex.errors import EngineError
from bt_gex.market import grid, money, quotes
from bt_gex.rules.gex import entry, exits, setup, sizing
from bt_gex.sweeps import kernel, kernel_prices

# In this order each function calls only those before it.
FUNCTIONS: tuple[Callable[..., Any], ...] = (
    money.units_of, money.rounded, money.to_cents, quotes.clamp, quotes.payoff,
    quotes.contradictory, grid.round_to_grid,
    setup.spread_width, setup.choose, sizing.kelly_of, sizing.half_kelly_contracts,
    entry.missing_input, entry.refused_unpriced, entry.refused_credit, exits.stop_value,
    exits.exit_outcome,
    fills.filled, spread.beyond_margin,
    kernel_prices.is_call, kernel_prices.side_of, kernel_prices.find_option,
    kernel_prices.quotes_at, kernel_prices.value_of,
    kernel_prices.price_of, kernel.close_until, kernel.enter, kernel.fill, kernel.drop,
    kernel.finish, kernel.leave,
    kernel.simulate, kernel.marked_drawdown,
)  # fmt: skip


@cache
def compiled() -> dict[str, Callable[..., Any]]:
    """These functions compiled, by name; each calls the compiled form of the others.

    What was compiled is kept beside the day cache, by the text of all modules it came from: the
    compiler itself would look at the outermost function only, and answer from before a rule was
    changed. Raises EngineError when there is no compiler.
    """
    try:
        import numba
    except ImportError as error:
        raise EngineError(
            "the compiled engine needs numba; install bt-gex[fast], or use --engine backtrader"
        ) from error
    folder = default_folder() / f"compiled-{_digest(numba.__version__)}"
    keep = _is_writable(folder)
    if keep:
        numba.config.CACHE_DIR = str(folder)
    done: dict[str, Callable[..., Any]] = {}
    for function in FUNCTIONS:
        assert isinstance(function, FunctionType)
        names = {**function.__globals__, **done}
        same = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
        same.__module__ = function.__module__
        # The one called a bar: left to the compiler it is a call with six arrays.
        inline = "always" if function is kernel_prices.quotes_at else "never"
        done[function.__name__] = numba.njit(cache=keep, inline=inline)(same)
    return done


def _digest(compiler: str) -> str:
    """What the compiled functions depend on."""
    digest = hashlib.sha256(f"{compiler} {sys.version}".encode())
    for name in sorted({function.__module__ for function in FUNCTIONS}):
        digest.update(Path(str(sys.modules[name].__file__)).read_bytes())
    return digest.hexdigest()[:16]


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
