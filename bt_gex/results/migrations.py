"""Schema versions of what `results` stores, and how older content becomes the current one.

Content of a run is a mapping: `about` (config.yaml), `trades` (trades.json), `decisions` (the lines
of decisions.jsonl). Each step has a stored sample under tests/samples.
"""

from __future__ import annotations

from bt_gex.storage.schema import Content, Schema


def _run_of_version_1(content: Content) -> Content:
    """Configurations did not say of which version of the rules they are: it was the first."""
    about = content["about"]
    return {**content, "about": {**about, "config": with_first_semantics(about["config"])}}


def with_first_semantics(config: Content) -> Content:
    """A configuration or plan from before there were versions of the rules."""
    return {"semantics_version": 1, **config}


RUN = Schema(kind="run", version=2, migrations={1: _run_of_version_1})
COMBINED = Schema(kind="sum of runs")
COSTS = Schema(kind="costs.json")
