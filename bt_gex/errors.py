"""Everything bt_gex raises on purpose.

BtGexError
├── UsageError          the caller asked for something impossible   (CLI exit status 2)
│   ├── UnknownName     no such setting, index, profile, …; names the nearest one
│   ├── BadValue        right name, wrong type or out of range; says the range
│   └── NoRecording     no recorded session or replay of that id; also a ValueError
└── RunError            a valid request that cannot be carried out (CLI exit status 1)
    ├── DataError       a database that is missing, foreign or unreadable
    │   └── Unreachable     a database that cannot be read at the moment, and may be later
    ├── OutputError     a folder or file that cannot be written
    ├── LedgerError     an event that contradicts the account it is booked to
    ├── JournalError    a journal that cannot be opened, read or written
    │   ├── JournalBusy     another writer held it for too long; nothing was written
    │   ├── JournalFull     no room or no right to write; nothing was written
    │   ├── OutcomeUnknown  a commit failed, and whether it took place cannot be read
    │   └── JournalDamaged  rows that are not what was written; the workspace is read-only
    ├── RecordingError  recorded sessions that cannot be opened, read or written
    │   ├── RecordingBusy   another writer held the database for too long; nothing was written
    │   ├── RecordingFull   no room or no right to write; nothing was written
    │   └── RecordingState  a recording that is not in the state that was asked for
    ├── SessionError    a live session that cannot be opened, kept or gone on with
    ├── ProviderError   a source of live quotes that does not answer, or not with quotes
    └── EngineError     backtrader was asked to run in a way that would give wrong results
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LISTED = 8  # names shown when none is near


class BtGexError(Exception):
    """Base of all errors of this package; the message is one line for a person to act on."""


class UsageError(BtGexError):
    """The request itself cannot be fulfilled."""


class UnknownName(UsageError):
    """A name that does not exist; the message suggests the nearest one that does."""

    def __init__(self, kind: str, name: str, known: Iterable[str], advice: str = "") -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name.lower(), [n.lower() for n in names], n=1, cutoff=0.5)
        match = next((n for n in names if near and n.lower() == near[0]), None)
        more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
        listed = f"known: {', '.join(names[:LISTED])}{more}" if names else "there is none"
        hint = f"did you mean {match}?" if match else listed
        super().__init__(f"unknown {kind} {name!r}; {hint}{f'; {advice}' if advice else ''}")
        self.suggestion = match


class BadValue(UsageError):
    """A value of the wrong type or out of range; the message says what is allowed."""


class NoRecording(UsageError, ValueError):
    """No recorded session, or no replay of one, has this id."""


class RunError(BtGexError):
    """Something outside the request failed."""


class DataError(RunError):
    """A blackbox that is missing, is not one, or holds something unreadable."""


class Unreachable(DataError):
    """A database that cannot be read at the moment: busy, or its connection is lost."""


class OutputError(RunError):
    """Results could not be written or read."""


class LedgerError(RunError):
    """An event that contradicts the account it is booked to; nothing has been booked."""


class JournalError(RunError):
    """A journal that cannot be opened, read or written."""


class JournalBusy(JournalError):
    """Another writer held the journal for too long; nothing was written, so try again."""


class JournalFull(JournalError):
    """No room, or no right, to write; nothing was written, and reading goes on."""


class OutcomeUnknown(JournalError):
    """A commit failed, and the journal cannot be read to see whether it took place."""


class JournalDamaged(JournalError):
    """Rows that are not what was written, or do not fold; the workspace takes no commands."""


class RecordingError(RunError):
    """Recorded sessions that cannot be opened, read or written."""


class RecordingBusy(RecordingError):
    """Another writer held the database for too long; nothing was written, so try again."""


class RecordingFull(RecordingError):
    """No room, or no right, to write; nothing was written, and reading goes on."""


class RecordingState(RecordingError):
    """A recording that is still running, unfinished, or has no bars to be replayed from."""


class SessionError(RunError):
    """A live session that cannot be opened, kept or gone on with."""


class ProviderError(RunError):
    """A source of live quotes that does not answer, or not with quotes."""


class EngineError(RunError):
    """A backtrader mode or use that would silently give wrong results."""
