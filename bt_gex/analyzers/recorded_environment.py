"""The environment of a run, as a recording keeps it: broker, costs, sizer, feeds, parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from functools import cache
from importlib import metadata
from typing import Any

import backtrader as bt

from bt_gex.feeds.recorded import facts_of
from bt_gex.recordings.values import plain_json
from bt_gex.trades.codec import Json

PLAIN = (bool, int, float, str, list, tuple, dict, type(None))
FLAGS = ("checksubmit", "eosbar", "slip_perc", "slip_fixed", "slip_open", "slip_match",
         "slip_limit", "slip_out", "coc", "coo", "int2pnl", "shortcash")  # fmt: skip


@cache
def versions() -> dict[str, str]:
    """Versions of the software that decides a run."""
    return {name: metadata.version(name) for name in ("bt-gex", "backtrader")}


def symbols_of(datas: list[Any]) -> list[str]:
    """A name for each feed, all different."""
    names: list[str] = []
    for number, data in enumerate(datas):
        name = str(data._name or f"data{number}").replace(",", ";")[:60]
        names.append(name if name not in names else f"{name}#{number}")
    return names


def environment_of(strategy: Any, symbols: list[str]) -> dict[str, Json]:
    """Broker, sizer and feeds of a run."""
    feeds = [
        {"symbol": symbol, **facts_of(data)}
        for symbol, data in zip(symbols, strategy.datas, strict=True)
    ]
    found = plain_json(
        {
            "broker": broker_facts(strategy.broker),
            "sizer": sizer_facts(strategy.getsizer()),
            "feeds": feeds,
            "cheat_on_open": bool(strategy.cerebro.p.cheat_on_open),
        }
    )
    assert isinstance(found, dict)
    return found


def broker_facts(broker: Any) -> dict[str, Any]:
    """The broker's class and its terms."""
    facts: dict[str, Any] = {"class": type(broker).__name__}
    if not isinstance(broker, bt.brokers.BackBroker):
        return {**facts, "cash": float(broker.p.cash)}
    return {
        **facts,
        "cash": float(broker.startingcash),
        **{name: getattr(broker.p, name) for name in FLAGS},
        "filler": None if broker.p.filler is None else type(broker.p.filler).__name__,
        "commissions": [
            {"symbol": name, "class": type(scheme).__name__, "params": scheme_params(scheme)}
            for name, scheme in broker.comminfo.items()
        ],
    }


def scheme_params(scheme: Any) -> dict[str, Any]:
    """Parameters of a commission scheme as they were given: with percabs computed, a rate is a
    share, not a percentage, so that is what is told."""
    values = {name: getattr(scheme.p, name) for name in scheme.p._getkeys()}
    stocklike, commtype = scheme._stocklike, scheme._commtype
    return {**values, "stocklike": stocklike, "commtype": commtype, "percabs": True}


def sizer_facts(sizer: Any) -> dict[str, Any] | None:
    """The sizer's class and parameters."""
    if sizer is None:
        return None
    values = {name: getattr(sizer.p, name) for name in sizer.p._getkeys()}
    return {"class": type(sizer).__name__, "params": values}


def parameters_of(strategy: Any) -> dict[str, Json]:
    """All parameters of a strategy in plain values.

    One that decides by a parameter set tells that: field by field, from its `rule_params`.
    """
    rules = getattr(strategy, "rule_params", None)
    if is_dataclass(rules) and not isinstance(rules, type):
        return {name: plain_json(value) for name, value in asdict(rules).items()}
    found: dict[str, Json] = {}
    for name in strategy.p._getkeys():
        value = getattr(strategy.p, name)
        if isinstance(value, PLAIN) or hasattr(value, "tolist"):
            found[name] = plain_json(value)
        elif is_dataclass(value) and not isinstance(value, type):
            found[name] = plain_json(asdict(value))
        else:
            found[name] = plain_json(value) if isinstance(value, Mapping) else repr_of(value)
    return found


def repr_of(value: object) -> str:
    """A value that has no plain form, told by its type: it cannot be given again."""
    kind = value if isinstance(value, type) else type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"
