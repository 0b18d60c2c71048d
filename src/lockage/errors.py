"""Every failure that Lockage reports on purpose, sorted by who must act next.

Not for defects of our own: those stay ordinary exceptions and end with exit code 1. The surprising thing: the class decides
the exit code, the *code* (``LK…``) names the case, and the hint is a field of its own, because the next command to type is
what a person at three in the morning looks for.
"""

from __future__ import annotations

from typing import ClassVar


class LockageError(Exception):
    """A failure with a sentence, a hint, a stable code and an exit code.

    ``message`` is one sentence with the object, the measured value and the limit. ``hint`` says what to type or do next.
    ``code`` is stable across releases and is listed by ``lockage explain``.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, code: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint


class UsageError(LockageError):
    """The command or a file given to it is wrong; nothing was looked at or changed. Exit code 2."""

    exit_code = 2


class RefusedError(LockageError):
    """Lockage looked, and will not begin; nothing was changed. Exit code 3."""

    exit_code = 3


class UnreachableError(RefusedError):
    """Something that Lockage must talk to does not answer or does not let it in; nothing was changed. Exit code 3.

    Retryable: a later try may succeed without anything else being done.
    """


class HaltedError(LockageError):
    """A run stopped part-way at a named place, and a person decides. Exit code 4."""

    exit_code = 4


class FindingsError(LockageError):
    """The answer was given, and it is not "all is well" (``verify``, ``diagnose``, ``--fail-on``). Exit code 5."""

    exit_code = 5
