"""docs/sweeps.md against the code: objectives, engines, files, and the plan it shows."""

from __future__ import annotations

import re
from pathlib import Path

from docs_tools import blocks, names, page, section, table

from bt_gex import RunConfig
from bt_gex.stats.objectives import OBJECTIVES, default_objective
from bt_gex.sweeps.engines import ENGINES
from bt_gex.sweeps.plan import make_plan, read_plan
from bt_gex.sweeps.sweep import OPTIMIZERS, SweepOptions, run_sweep

TEXT = page("docs/sweeps.md")


def test_objectives() -> None:
    rows = table(section(TEXT, "What the best is best in"))
    assert {names(cells[0])[0] for cells in rows} == set(OBJECTIVES)
    defaults = {names(cells[0])[0]: cells[1] for cells in rows if "default" in cells[1]}
    assert {name: "fewer than 20" in text for name, text in defaults.items()} == {
        default_objective(20): False,
        default_objective(19): True,
    }
    for name, objective in OBJECTIVES.items():
        assert (objective.__doc__ or "").startswith(("sharpe", "return_pct", "profit_factor", name))


def test_engines_and_optimizers() -> None:
    said = " ".join(names(" ".join(cells[0] for cells in table(section(TEXT, "Engines")))))
    assert set(re.findall(r"--engine (\w+)", said)) == set(ENGINES)
    assert set(re.findall(r"--optimizer (\w+)", said)) == set(OPTIMIZERS) - {"pool"}


def test_the_plan_it_shows_and_the_folder_it_makes(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(blocks(TEXT, "yaml")[0], "utf-8")
    file = read_plan(tmp_path / "plan.yaml")
    base = RunConfig(settings=file.base.settings, **file.base.plain)
    plan = make_plan(
        base, file.grid, ablation=file.ablation, max_variants=file.max_variants,
        objective=file.objective,
    )  # fmt: skip
    # 3 stops times 5 slippages hold the baseline (0.1, 1); of the ablations, (0.1, 0) with its stop
    # put back is (0.1, 0) itself, and with its slippage put back the baseline.
    assert (len(plan.variants), plan.duplicates, plan.cut) == (15, 3, 0)

    from oracle import nasty

    nasty.make(
        tmp_path / "b.db", 3, indexes=("SPX",), start="2026-01-12", end="2026-01-13",
        nasty=nasty.only("quiet"),
    )  # fmt: skip
    short = make_plan(RunConfig(start="2026-01-12", end="2026-01-13"), {"exit.stop_loss": [0.1, 1]})
    result = run_sweep(tmp_path / "b.db", short, tmp_path / "sweeps", SweepOptions(workers=1))
    assert result.folder
    documented = {names(cells[0])[0].rstrip("/") for cells in table(section(TEXT, "The folder"))}
    written = {file.name for file in result.folder.iterdir()}
    assert written <= documented
    assert not any(name.endswith(".png") for name in written)  # those are the command's
    assert documented - written == {"heatmap-….png", "objective-….png", "parallel.png"}
