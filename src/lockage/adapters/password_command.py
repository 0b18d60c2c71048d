"""A database's password, printed by a program: a token of the cloud's, or what a password store holds.

Not for passwords that stay: it is run anew for each connection, because a token expires within minutes. The surprising thing:
the program gets the address as the replicas have it, since a token is good for exactly that host, however we come there.

Code: LK539.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lockage.core.redaction import mask_secrets
from lockage.errors import LockageError, RefusedError

LIMIT_S = 30.0
"""For the program. The clouds' own take a second or two; one that waits for a person must not hang a run."""


def password_of(command: Sequence[str], *, url: str, environment: Mapping[str, str]) -> Callable[[], str]:
    """Gives the password at each call: what the program prints, without the end of its line.

    ``{host}``, ``{port}``, ``{user}`` and ``{database}`` in the command are those of ``url``. Raises ``RefusedError`` (LK539),
    at each call too.
    """
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:  # its message quotes what may be a password
        raise _failed(command, "the database's address is not one that PostgreSQL's clients understand") from None
    parts = {
        "host": parameters.get("host", "").split(",")[0],
        "port": parameters.get("port", "5432").split(",")[0],
        "user": parameters.get("user", ""),
        "database": parameters.get("dbname", ""),
    }
    words = [_filled(word, parts) for word in command]
    return lambda: _printed(words, environment)


def _filled(word: str, parts: Mapping[str, str]) -> str:
    for name, value in parts.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def _printed(words: Sequence[str], environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            words, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, env=dict(environment)
        )
    except FileNotFoundError as error:
        raise _failed(words, "it is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise _failed(words, f"it did not end within {LIMIT_S:g} s") from error
    except OSError as error:
        raise _failed(words, error.strerror or "it does not run") from error
    if done.returncode != 0:
        said = mask_secrets(done.stderr.decode(errors="replace").strip().rpartition("\n")[2])
        raise _failed(words, f"it ended with {done.returncode}" + (f": {said}" if said else ""))
    password = done.stdout.decode(errors="replace").rstrip("\r\n")
    if not password:
        raise _failed(words, "it printed nothing")
    return password


def _failed(words: Sequence[str], what: str) -> LockageError:
    return RefusedError(
        f"the password command {words[0]} gives no password: {what}",
        code="LK539",
        hint="run it yourself; it is database.password_command of the profile, or password_command in lockage.toml",
    )
