"""`bt-gex plan`: variants of a specification over the bars of a file."""

from __future__ import annotations

import click

from bt_gex.cli.lazy import LazyGroup

VERBS = {"generate": "bt_gex.cli.plan_verbs", "run": "bt_gex.cli.plan_verbs"}


@click.group(cls=LazyGroup, modules=VERBS, epilog="Example: bt-gex plan run plan.yaml --csv b.csv")
def plan() -> None:
    """Run many variants of one strategy, each on its own account."""
