"""`bt-gex synth`: make a synthetic blackbox."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from bt_gex.cli.common import DATE, INDEX


@click.command()
@click.argument("out", metavar="OUT.db", type=click.Path(path_type=Path))
@click.option(
    "--index",
    "indexes",
    type=INDEX,
    multiple=True,
    default=("SPX",),
    show_default=True,
    help="SPX or NDX; repeat it for both: --index SPX --index NDX.",
)
@click.option("--start", type=DATE, required=True, help="First session date: --start 2026-01-12.")
@click.option(
    "--end", type=DATE, required=True, help="Last session date, inclusive: --end 2026-01-16."
)
@click.option("--seed", type=int, required=True, help="Which market: --seed 7 is always the same.")
@click.option("--vix", default=15.0, show_default=True, help="Level VIX moves around: --vix 18.")
@click.option(
    "--strikes-within",
    default=250.0,
    show_default=True,
    metavar="POINTS",
    help="Strikes quoted either side of the pin: --strikes-within 100.",
)
@click.option(
    "--bad-quotes",
    is_flag=True,
    help="A few quotes no market makes, as of a bad feed: a side missing at any price, locked, "
    "crossed: --bad-quotes.",
)
@click.option("--force", is_flag=True, help="Replace OUT.db if it exists: --force.")
def synth(
    out: Path,
    indexes: tuple[str, ...],
    start: date,
    end: date,
    seed: int,
    vix: float,
    strikes_within: float,
    bad_quotes: bool,
    force: bool,
) -> None:
    """Write a synthetic market to OUT.db, as the recorder would.

    The prices are made up. The same options give the same rows, and a day is the same in every
    range.

    Example: bt-gex synth market.db --start 2026-01-12 --end 2026-01-16 --seed 7
    """
    from bt_gex.blackbox.writer import new_file
    from bt_gex.market.calendar import sessions
    from bt_gex.synthetic.blackbox import SynthConfig, write

    config = SynthConfig(
        start=start,
        end=end,
        seed=seed,
        indexes=indexes,
        vix=vix,
        strikes_within=strikes_within,
        bad_quotes=bad_quotes,
    )
    days = len(sessions(start, end))
    if not days:
        click.echo(f"no sessions from {start} to {end}; {out} not written")
        return
    with new_file(out, force=force) as engine:
        rows = write(config, engine)
    click.echo(
        f"{out}: {days} session{'s' * (days != 1)} of {', '.join(indexes)}, "
        f"seed {seed}, {out.stat().st_size / 1e6:.1f} MB"
    )
    click.echo(", ".join(f"{table} {count:,}" for table, count in rows.items()))
