"""The home: the folder of all lasting data for which a command names no other place.

Sessions, the journal of paper accounts and recordings are kept there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

HOME_VARIABLE = "BT_GEX_HOME"
JOURNAL = "journal.db"
RECORDINGS = "recordings.db"


def home_folder(given: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The folder that was given, else that of BT_GEX_HOME, else the user's data folder.

    It is not made here: a command that only reads creates nothing. Made it is private to the user.
    """
    named = str(given) if given else environ.get(HOME_VARIABLE, "").strip()
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("bt-gex", appauthor=False)


def journal_path(home: Path) -> Path:
    """The journal of the paper accounts of a home, a SQLite database."""
    return home / JOURNAL


def recordings_path(home: Path) -> Path:
    """The recorded sessions of a home, a SQLite database."""
    return home / RECORDINGS
