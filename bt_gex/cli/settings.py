"""Settings as words of a command line."""

from __future__ import annotations

from bt_gex.errors import BadValue, UsageError


def settings_of(
    fills: str | None, commission: str | None, changes: tuple[str, ...]
) -> dict[str, object]:
    """Settings by dotted name from --fills, --commission and --set; raises UsageError."""
    from bt_gex.config.files import PLAIN_KEYS
    from bt_gex.config.run_config import parse_fills

    settings: dict[str, object] = dict(parse_fills(fills)) if fills else {}
    if commission is not None:
        settings["fills.commission"] = commission
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name.strip():
            raise BadValue(f"--set takes NAME=VALUE such as exit.stop_loss=0.15, got {change!r}")
        if name.strip() in PLAIN_KEYS:
            raise UsageError(f"{name.strip()} is no setting; give --{name.strip()} instead")
        settings[name.strip()] = value.strip()
    return settings
