"""A run plan in a YAML or JSON file."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid5

from bt_gex.config.files import read_yaml
from bt_gex.errors import BadValue, UnknownName
from bt_gex.paper.generator import (
    VARIANT_NAMESPACE,
    GeneratorConstraints,
    RunPlan,
    generate_plan,
)
from bt_gex.paper.requests import parsed
from bt_gex.paper.specs import ExecutionSpec

KEYS = ("base_spec", "constraints", "objective", "dataset_ref", "workspace_id")
PLANS_WORKSPACE = uuid5(VARIANT_NAMESPACE, "plans")  # of plans that name no workspace


def read_plan_file(
    path: Path, *, objective: str | None = None, dataset_ref: str | None = None
) -> RunPlan:
    """The plan of a file; the arguments count before what it says.

    Raises DataError when it cannot be read, BadValue and UnknownName for what it says.
    """
    content = dict(read_yaml(path))
    for key in content:
        if key not in KEYS:
            raise UnknownName(f"key of {path}", str(key), KEYS)
    base = content.get("base_spec")
    if not isinstance(base, dict):
        raise BadValue(f"{path}: base_spec must hold a specification, got {base!r:.60}")
    workspace = content.get("workspace_id", base.get("workspace_id", PLANS_WORKSPACE))
    spec = parsed(
        lambda: ExecutionSpec.model_validate({"workspace_id": workspace, **base}), f"{path}: spec"
    )
    if str(spec.workspace_id) != str(workspace):
        raise BadValue(
            f"{path}: workspace_id is {workspace}, that of base_spec {spec.workspace_id}; "
            "leave one of them out"
        )
    limits: object = content.get("constraints") or {}
    constraints = parsed(
        lambda: GeneratorConstraints.model_validate(limits), f"{path}: constraints"
    )
    wanted = objective or content.get("objective")
    name = dataset_ref or content.get("dataset_ref") or ""
    return generate_plan(
        spec, constraints, dataset_ref=str(name), objective=str(wanted) if wanted else None
    )
