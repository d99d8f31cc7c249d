"""An environment of its own for nautilus_trader, which needs other versions than ours."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / ".bench" / "nautilus-env"
NEEDED = ("nautilus_trader>=1.221", "adbc-driver-manager", "adbc-driver-sqlite", "pyarrow")


def ensure_env(folder: Path = FOLDER) -> Path | str:
    """Its Python, made and filled when it is not there; or why that cannot be had."""
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = f"{sys.version_info[:2]} {' '.join(NEEDED)}"
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return python
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        venv.create(folder, clear=True, with_pip=True)
        pip = subprocess.run(
            [*install, "--only-binary=:all:", *NEEDED], capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no environment in {folder}: {error}"
    if pip.returncode:
        return last_line(pip.stderr) or f"pip ended with {pip.returncode}"
    stamp.write_text(wanted, "utf-8")
    return python


def last_line(text: str) -> str:
    """The last line that says something; of an error that is what went wrong."""
    return (text.strip().splitlines() or [""])[-1]
