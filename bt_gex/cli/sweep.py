"""`bt-gex sweep` and `bt-gex walkforward`: many settings over one market."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bt_gex.cli.common import DATE, FILLED, INDEX, cache_options, list_files
from bt_gex.cli.over_bars import OverBarsCommand
from bt_gex.cli.settings import settings_of
from bt_gex.errors import UsageError

if TYPE_CHECKING:
    from bt_gex.sweeps.plan import Plan
    from bt_gex.sweeps.result import SweepResult
    from bt_gex.sweeps.walkforward_result import WalkForward


def plan_options(command: Any) -> Any:
    """The options that say which variants are run, on what."""
    for option in reversed(
        (
            click.option("--db", "database", required=True, type=FILLED,
                         help="SQLite blackbox, or a SQLAlchemy URL."),
            click.option("--strategy", type=FILLED, metavar="STRATEGY",
                         help="Over bars instead; see --strategy orb --help."),
            click.option("--index", type=INDEX, help="SPX (default) or NDX."),
            click.option("--start", type=DATE, help="First session, YYYY-MM-DD."),
            click.option("--end", type=DATE, help="Last session, inclusive."),
            click.option("--profile", type=FILLED, help="Named defaults of the baseline."),
            click.option("--fills", type=FILLED, help="Fills of the baseline, as in bt-gex run."),
            click.option("--commission", help="Baseline, USD per contract, per leg, per side."),
            click.option("--set", "changes", multiple=True, metavar="NAME=VALUE",
                         help="Change a setting of the baseline."),
            click.option("--config", "config_file", type=FILLED,
                         help="YAML file with the settings of the baseline."),
            click.option("--plan", "plan_file", type=FILLED,
                         help="YAML file with the whole plan; options win over it."),
            click.option("--grid", "grids", multiple=True, metavar="NAME=VALUES",
                         help="Sweep a setting: 0.1,0.2 or 0:1:0.25; may be repeated."),
            click.option("--ablation", is_flag=True,
                         help="Also the first grid point with each setting put back in turn."),
            click.option("--max-variants", type=click.IntRange(min=1), metavar="N",
                         help="Run only the first N variants."),
            click.option("--objective", type=FILLED,
                         help="What is maximised; total_pnl below 20 sessions, else Sharpe."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def engine_options(command: Any) -> Any:
    """The options that say how variants are run."""
    for option in reversed(
        (
            click.option("--engine", default="backtrader", show_default=True,
                         type=click.Choice(["backtrader", "compiled"]),
                         help="compiled: the same rules through numba, with the same trades."),
            click.option("--workers", type=click.IntRange(min=1), metavar="N",
                         help="Processes; one a core by default."),
            click.option("--json", "as_json", is_flag=True,
                         help="Print the result and its warnings as JSON."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(
    cls=OverBarsCommand,
    switch="--strategy",
    other="bt_gex.cli.bar_variants:bar_sweep",
    epilog="Example: bt-gex sweep --db blackbox.db --start 2026-01-12 --end 2026-01-16 "
    "--grid exit.stop_loss=0.1,0.15,0.2 --grid fills.exit_slippage=0:1:0.25",
)
@click.argument("action", required=False, default="run", type=click.Choice(["run", "plan"]))
@plan_options
@engine_options
@click.option(
    "--optimizer",
    default="pool",
    show_default=True,
    type=click.Choice(["pool", "cerebro"]),
    help="cerebro: backtrader's own optstrategy.",
)
@click.option(
    "--search",
    type=click.Choice(["optuna"]),
    help="Let a sampler choose among the grid's values instead of running all of it.",
)
@click.option("--trials", type=click.IntRange(min=1), help="Variants the search may run.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the search: the same seed, the same trials.",
)
@click.option("--cluster", type=FILLED, help="dask://HOST:PORT, or local: run on Dask's workers.")
@click.option("--resume", is_flag=True, help="Go on where the same sweep has ended before.")
@click.option(
    "--out", default="sweeps", type=FILLED, show_default=True, help="Folder for the sweep's folder."
)
@cache_options
def sweep(
    action: str,
    database: str,
    engine: str,
    workers: int | None,
    as_json: bool,
    optimizer: str,
    search: str | None,
    trials: int | None,
    seed: int,
    cluster: str | None,
    resume: bool,
    out: str,
    cache_dir: str | None,
    no_cache: bool,
    **words: Any,
) -> None:
    """Run every combination of the settings given.

    Each finished one is stored at once; the same command goes on after an interruption.

    `bt-gex sweep plan` with the same options shows the variants and what they would take, and
    runs nothing.
    """
    from bt_gex.sweeps.sweep import SweepOptions, run_sweep

    if (search is None) != (trials is None):
        raise UsageError("--search optuna and --trials N belong together; give both")
    plan = _plan(words, (trials, seed) if trials else None)
    options = SweepOptions(
        engine=engine,
        cluster=cluster,
        optimizer=optimizer,
        workers=workers,
        resume=resume,
        cache=cache_dir,
        use_cache=not no_cache,
    )
    if action == "plan":
        if as_json:
            raise UsageError(
                "--json prints the result of a sweep; leave it out of bt-gex sweep plan"
            )
        _show_plan(plan, options)
        return
    from bt_gex.reports.as_json import json_text, sweep_content
    from bt_gex.reports.console.run import make_console
    from bt_gex.reports.console.sweep import print_sweep

    with _progress("sweeping") as progress, _saying_what_is_stored():
        result = run_sweep(database, plan, out, options, progress, extras=_pictures)
    if as_json:
        click.echo(json_text(sweep_content(result)))
        return
    print_sweep(result, make_console())
    list_files(result.folder)


@click.command(
    cls=OverBarsCommand,
    switch="--strategy",
    other="bt_gex.cli.bar_variants:bar_walkforward",
    epilog="Example: bt-gex walkforward --db blackbox.db --start 2026-01-02 --end 2026-01-30 "
    "--grid exit.stop_loss=0.1,0.15,0.2 --train 10 --test 5",
)
@plan_options
@engine_options
@click.option("--train", type=click.IntRange(min=1), required=True, help="Sessions to pick on.")
@click.option("--test", type=click.IntRange(min=1), required=True, help="Sessions to trade.")
@click.option("--anchored", is_flag=True, help="Every train window begins with the first session.")
@click.option(
    "--embargo",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Sessions left out between train and test.",
)
@click.option(
    "--out", default="walkforwards", type=FILLED, show_default=True, help="Folder for its folder."
)
@cache_options
def walkforward(
    database: str,
    engine: str,
    workers: int | None,
    as_json: bool,
    train: int,
    test: int,
    anchored: bool,
    embargo: int,
    out: str,
    cache_dir: str | None,
    no_cache: bool,
    **words: Any,
) -> None:
    """Pick the best settings on past sessions, trade the next ones.

    And again, window by window: the test sessions are those no setting was picked on.
    """
    from bt_gex.reports.as_json import json_text, walkforward_content
    from bt_gex.reports.console.run import make_console
    from bt_gex.reports.console.walkforward import print_walkforward
    from bt_gex.storage.atomic import check_writable
    from bt_gex.sweeps.sweep import SweepOptions
    from bt_gex.sweeps.walkforward import run_walkforward

    plan = _plan(words)
    check_writable(Path(out))
    options = SweepOptions(engine=engine, workers=workers, cache=cache_dir, use_cache=not no_cache)
    with _progress("walking forward") as progress:
        result = run_walkforward(
            database,
            plan,
            train=train,
            test=test,
            anchored=anchored,
            embargo=embargo,
            options=options,
            progress=progress,
        )
    result = result.save(Path(out), {"equity.png": partial(_draw_walkforward, result)})
    if as_json:
        click.echo(json_text(walkforward_content(result)))
        return
    print_walkforward(result, make_console())
    list_files(result.folder)


def _plan(words: dict[str, Any], search: tuple[int, int] | None = None) -> Plan:
    """The plan of the options over that of a file."""
    from bt_gex.config.files import ConfigFile, read_config
    from bt_gex.config.run_config import RunConfig
    from bt_gex.sweeps.grid import parse_grid
    from bt_gex.sweeps.plan import PlanFile, Search, make_plan, read_plan

    file = read_plan(words["plan_file"]) if words["plan_file"] else PlanFile()
    base = read_config(words["config_file"]) if words["config_file"] else ConfigFile()
    given = {name: words[name] for name in ("index", "start", "end", "profile") if words[name]}
    plain = {**file.base.plain, **base.plain, **given}
    settings = {
        **file.base.settings,
        **base.settings,
        **settings_of(words["fills"], words["commission"], words["changes"]),
    }
    for name in ("start", "end"):
        if name not in plain:
            raise UsageError(f"--{name} is missing; give the {name} session as YYYY-MM-DD")
    return make_plan(
        RunConfig(settings=settings, indexes={**file.base.indexes, **base.indexes}, **plain),
        {**file.grid, **parse_grid(words["grids"])},
        ablation=words["ablation"] or file.ablation,
        max_variants=words["max_variants"] or file.max_variants,
        objective=words["objective"] or file.objective,
        search=Search(trials=search[0], seed=search[1]) if search else file.search,
    )


def _show_plan(plan: Plan, options: Any) -> None:
    from bt_gex.reports.console.run import make_console
    from bt_gex.reports.console.sweep import print_plan
    from bt_gex.sweeps.estimate import estimate

    print_plan(plan, estimate(plan, options), make_console())


def _pictures(result: SweepResult) -> dict[str, Callable[[Path], None]]:
    """What writes each picture of a sweep, by file name."""
    from bt_gex.reports.charts.pictures import save_png
    from bt_gex.reports.charts.sweep import sweep_pictures

    return {f"{name}.png": partial(save_png, fig) for name, fig in sweep_pictures(result).items()}


def _draw_walkforward(result: WalkForward, path: Path) -> None:
    from bt_gex.reports.charts.pictures import save_png
    from bt_gex.reports.console.walkforward import walkforward_figure

    save_png(walkforward_figure(result), path)


@contextmanager
def _saying_what_is_stored() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo("every finished variant is stored; go on with --resume", err=True)
        raise


@contextmanager
def _progress(name: str) -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar with rate and time left on the terminal, none when the output goes elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None, rate="")

        def report(what: str, done: int, total: int) -> None:
            speed = bar.tasks[task].speed
            rate = f"{speed:,.1f} {what}/s" if speed else ""
            bar.update(task, completed=done, total=total, rate=rate)

        yield report
