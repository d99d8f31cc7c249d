"""`bt-gex lookahead STRATEGY --symbols …`: the look-ahead check over bars."""

from __future__ import annotations

import click

from bt_gex.cli.backtest import SymbolsCommand, bar_options, bar_target, own_errors
from bt_gex.cli.common import FILLED, progress_bar


@click.command(cls=SymbolsCommand)
@click.argument("strategy", type=FILLED)
@bar_options
@click.option("--points", default=20, show_default=True, type=click.IntRange(min=1),
              help="Instants after which bars are perturbed; two runs each.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0),
              help="Seed of the instants and of the perturbed bars.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def bar_lookahead(strategy: str, points: int, seed: int, as_json: bool, **words: object) -> int:
    """Check whether decisions of STRATEGY depend on later bars: orb, mean-reversion,
    breakout-52w-high, or path/to/file.py:Name.

    The status is 0 when no decision changes as later bars are perturbed, else 1.

    Example: bt-gex lookahead orb --symbols SPY --start 2026-01-12 --end 2026-01-16 --synthetic
    """
    from bt_gex.lookahead.bars import check_bars
    from bt_gex.reports.as_json import json_text, lookahead_content
    from bt_gex.reports.console.lookahead import headline, print_result
    from bt_gex.reports.console.run import make_console
    from bt_gex.sweeps.bar_engine import BarEngine

    config, own, source = bar_target(strategy, words)
    with own_errors(strategy), progress_bar(f"checking {strategy}") as progress:
        parts = BarEngine(source, config, own).parts(config)
        result = check_bars(config, parts, own, points=points, seed=seed, progress=progress)
    if as_json:
        click.echo(json_text(lookahead_content(result, headline(result))))
    else:
        print_result(result, make_console())
    return 0 if result.outcome == "clean" else 1
