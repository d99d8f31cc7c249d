"""Settings for all tests: hypothesis tries the same examples on every machine, and the day cache of
the user who runs them is left alone."""

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from bt_gex.cli.common import LOG_HANDLER

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
os.environ.pop("COLUMNS", None)  # reports are as wide as in anybody's pipe


@pytest.fixture(autouse=True, scope="session")
def own_day_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs started by tests inherit it, too."""
    os.environ["BT_GEX_CACHE"] = str(tmp_path_factory.mktemp("day-cache"))
    yield
    del os.environ["BT_GEX_CACHE"]


@pytest.fixture(autouse=True)
def no_handler_of_a_command_stays() -> Iterator[None]:
    """A command called in a test logs to what stands for standard error there, which is closed
    afterwards."""
    yield
    log = logging.getLogger("bt_gex")
    for handler in [one for one in log.handlers if one.name == LOG_HANDLER]:
        log.removeHandler(handler)
