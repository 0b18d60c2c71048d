"""What ends a towpath command on purpose: one sentence for the log, and the exit code.

Not Lockage's errors, which towpath does not know.
"""

from __future__ import annotations

from typing import ClassVar


class FatalError(Exception):
    """The command cannot do what it was asked; the message says why."""

    exit_code: ClassVar[int] = 1


class SettingsError(FatalError):
    """A variable of the environment is missing or is not what it should be; the message names it."""

    exit_code = 2


class UnknownReleaseError(FatalError):
    """No such release of towpath."""

    exit_code = 2


class AddressError(FatalError):
    """The address to listen on is taken or is none of this machine's."""


class MigrationError(FatalError):
    """The schema cannot be brought to the release's; whatever was begun is rolled back."""


class ServingError(FatalError):
    """The server cannot go on serving."""


class SeedError(FatalError):
    """The database is not one that can be filled."""
