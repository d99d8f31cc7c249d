"""Versions of stored content: older content is migrated in memory, newer content is refused.

What was written before there was a `schema_version` is of version 1. A kind's version goes up when
a reader of the version before could not read the new content, or would misread it; a key that may
be missing needs no new version.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bt_gex.errors import BadValue

KEY = "schema_version"
log = logging.getLogger(__name__)
Content = dict[str, Any]
Migration = Callable[[Content], Content]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One kind of stored content.

    kind        as a message names it
    version     what is written
    migrations  from each earlier version to the next one; pure
    """

    kind: str
    version: int = 1
    migrations: Mapping[int, Migration] = field(default_factory=dict)

    def migrated(self, content: Content, found: object, file: str) -> Content:
        """The content as the current version has it.

        found  its version as it stands in `file`; None: none does. Raises BadValue.
        """
        version = 1 if found is None else found
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise BadValue(f"{file}: {KEY} must be a whole number from 1, got {version!r:.40}")
        if version > self.version:
            raise BadValue(
                f"{file} is of {KEY} {version}, this bt_gex reads a {self.kind} up to "
                f"{self.version}; upgrade it with pip install --upgrade bt-gex"
            )
        for step in range(version, self.version):
            content = self.migrations[step](content)
        if version < self.version:
            log.info("%s: read as %s %d, migrated to %d", file, KEY, version, self.version)
        return content


def note_unknown(names: Iterable[object], known: Iterable[object], file: str) -> None:
    """Log the keys that are ignored."""
    unknown = sorted({str(name) for name in names} - {str(name) for name in known})
    if unknown:
        log.info("%s: passed over, as this version does not know it: %s", file, ", ".join(unknown))
