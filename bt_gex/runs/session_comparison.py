"""Several strategies, or several parameters of one, on one recorded market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from bt_gex.errors import BadValue, OutputError
from bt_gex.recordings.figures import Position, figures_of, positions_of, trade_states
from bt_gex.recordings.records import RecordedSession
from bt_gex.recordings.values import canonical, iso, plain_json
from bt_gex.runs.recorded_run import RecordedMarket
from bt_gex.runs.session_replayer import SessionReplayer
from bt_gex.storage.atomic import Writer, write_folder
from bt_gex.storage.reading import read_mapping
from bt_gex.storage.schema import KEY, Schema
from bt_gex.trades.codec import Json

COMPARED = Schema(kind="session comparison")
FILE = "session_comparison.json"
FIGURES = ("total_trades", "winning_trades", "losing_trades", "win_rate", "total_pnl",
           "max_drawdown", "sharpe_ratio")  # fmt: skip
ORIGINAL = "recorded"


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One run on the market. positions: as `figures.Position` has them."""

    label: str
    strategy: str
    parameters: Mapping[str, Json]
    figures: Mapping[str, Any]
    positions: Sequence[Mapping[str, Any]]
    replay_id: str | None
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SessionComparison:
    """Runs on one recorded market, the recorded one first.

    prices  by symbol, {"times": ISO 8601, "closes": …}
    pairs   of any two runs, the states of their trades: same, changed, only_original (the first),
            only_replay (the second)
    """

    recording: Mapping[str, Any]
    runs: Sequence[ComparedRun]
    prices: Mapping[str, Mapping[str, object]]
    pairs: Sequence[Mapping[str, Any]]

    def to_json(self) -> dict[str, object]:
        """Everything in plain values."""
        content = plain_json(asdict(self))
        assert isinstance(content, dict)
        return {KEY: COMPARED.version, "kind": COMPARED.kind, **content}

    def save(self, folder: Path, extras: Mapping[str, Writer] | None = None) -> Path:
        """Write it into a folder, whole or not at all. Raises OutputError."""

        def write(work: Path) -> None:
            (work / FILE).write_text(canonical(self.to_json()) + "\n", "utf-8")

        return write_folder(folder.parent, folder.name, write, dict(extras or {}))

    @classmethod
    def load(cls, folder: Path) -> SessionComparison:
        """Read it from a folder. Raises OutputError."""
        try:
            content = read_mapping(folder / FILE)
            content = COMPARED.migrated(content, content.get(KEY), FILE)
            runs = [ComparedRun(**run) for run in content["runs"]]
            return cls(content["recording"], runs, content["prices"], content["pairs"])
        except (BadValue, KeyError, TypeError) as error:
            raise OutputError(f"{folder}: is no comparison that can be read: {error}") from error


def compare_strategies(
    db: object,
    recording_id: str,
    runs: Sequence[tuple[object, Mapping[str, object]]],
    **options: Any,
) -> SessionComparison:
    """Run strategies over a recording and lay them side by side.

    runs     strategy (None: the recorded one; a name, a class, a detector) and parameters of each
    options  of SessionReplayer
    """
    if not runs:
        raise BadValue("a comparison needs at least one strategy, or one set of parameters")
    made: list[ComparedRun] = []
    replayer = SessionReplayer(db, recording_id, **options)
    market = replayer.market()
    made.append(_recorded(market))
    for strategy, parameters in runs:
        one = replayer.again(parameters)
        result = one.replay(strategy)
        chosen = one.strategy(strategy)
        made.append(
            ComparedRun(
                label=_label(chosen.name, parameters, [run.label for run in made]),
                strategy=chosen.name,
                parameters=dict(one.resolve(chosen).parameters),
                figures={name: result[name] for name in FIGURES},
                positions=result["positions"],
                replay_id=result["replay_id"] if options.get("save", True) else None,
                warnings=result["warnings"],
            )
        )
    return SessionComparison(about(market.session), made, prices_of(market), _pairs(made))


def _recorded(market: RecordedMarket) -> ComparedRun:
    positions = positions_of(market.events)
    figures = asdict(figures_of([position.pnl for position in positions]))
    return ComparedRun(
        ORIGINAL,
        market.session.strategy_name,
        dict(market.session.original_parameters),
        figures,
        [asdict(position) for position in positions],
        None,
    )


def _label(name: str, parameters: Mapping[str, object], taken: Sequence[str]) -> str:
    """A short name, unlike the others."""
    changes = ", ".join(f"{key}={value}" for key, value in parameters.items())
    label = f"{name} ({changes})" if changes else name
    again = sum(other == label or other.startswith(f"{label} #") for other in taken)
    return f"{label} #{again + 1}" if again else label


def _pairs(runs: Sequence[ComparedRun]) -> list[dict[str, Any]]:
    found = []
    for one, other in combinations(runs, 2):
        rows = trade_states(*([Position(**p) for p in run.positions] for run in (one, other)))
        states = [row["state"] for row in rows if isinstance(row, dict)]
        found.append(
            {
                "a": one.label,
                "b": other.label,
                "counts": {
                    name: states.count(name)
                    for name in ("same", "changed", "only_original", "only_replay")
                },
                "trades": rows,
            }
        )
    return found


def about(session: RecordedSession) -> dict[str, Json]:
    """What is told of a recording beside its runs."""
    names = ("recording_id", "strategy_name", "status", "description", "tags", "symbols",
             "first_bar_time", "last_bar_time", "total_bars_recorded")  # fmt: skip
    return {name: plain_json(getattr(session, name)) for name in names}


def prices_of(market: RecordedMarket) -> dict[str, dict[str, object]]:
    """Closes by symbol."""
    return {
        symbol: {
            "times": [iso(int(ns)) for ns in columns.stamps_ns],
            "closes": plain_json(columns.values["close"]),
        }
        for symbol, columns in market.columns.items()
    }
