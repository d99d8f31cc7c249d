"""`bt-gex verify`: whether what is stored agrees with itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from bt_gex.cli.bar_variants import is_bar_variants
from bt_gex.cli.common import is_of_variants
from bt_gex.errors import UsageError

Check = Callable[[Path], Iterator[str]]


@click.command(epilog="Example: bt-gex verify runs/SPX-20260112-20260116-0123456789")
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_context
def verify(ctx: click.Context, folder: Path) -> None:
    """Compute a folder's figures again, and one file from another.

    FOLDER is that of a run, a sum of runs, a sweep or a walk-forward, or the costs.json of a run.
    Prints a line for each thing that differs. The status is 0 when nothing does, 1 when anything
    does, 2 when FOLDER is none of these.
    """
    kind, check = _check_of(folder)
    faults = 0
    for line in check(folder):
        faults += 1
        click.echo(line)
    if faults:
        click.echo(f"{faults} {'thing differs' if faults == 1 else 'things differ'} in this {kind}")
    else:
        click.echo(f"{folder}: this {kind} agrees with itself")
    ctx.exit(1 if faults else 0)


def _check_of(place: Path) -> tuple[str, Check]:
    """What kind of thing lies there, and what checks it."""
    from bt_gex.results.bar_folder import is_backtest, is_bar_result
    from bt_gex.results.bar_verify import verify_backtest
    from bt_gex.results.verify import verify_costs_file, verify_run, verify_sum
    from bt_gex.storage.reading import read_mapping
    from bt_gex.sweeps.verify import verify_sweep, verify_walkforward

    if place.is_file() and place.name == "costs.json":
        return "costs.json", verify_costs_file
    if not place.is_dir():
        raise UsageError(f"{place} is not a folder; give that of a run, a sweep or a walk-forward")
    if place.name.endswith(".partial"):
        raise UsageError(f"{place} is a sweep under way; go on with bt-gex sweep --resume")
    if is_backtest(place) or is_bar_result(place):
        return "backtest", verify_backtest
    if is_of_variants(place) and is_bar_variants(place):
        raise UsageError(f"{place} is of variants over bars; what is verified is a run of its best")
    if (place / "variants.parquet").exists():
        return "sweep", verify_sweep
    if (place / "trades.json").exists():
        return "run", verify_run
    if not (place / "summary.json").exists():
        raise UsageError(f"{place} holds nothing to verify: no trades.json and no summary.json")
    if "runs" in read_mapping(place / "summary.json"):
        return "sum of runs", verify_sum
    return "walk-forward", verify_walkforward
