"""Who we are to the API server: a token, a token in a file, a password, or what a login plugin of the cloud prints.

Not for certificates, which belong to the connection. The surprising thing: a token that the server refuses is looked up anew
once, where it came from, because tokens run out in the middle of an upgrade and a login in another terminal writes a new one.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec
from lightkube.config.models import User, UserExec

from lockage.errors import UnreachableError, UsageError

PLUGIN_LIMIT_S = 60.0
"""For a login plugin: most ask a cloud over the network; one that waits for a person at a browser must not hang a run."""

EARLY_S = 30.0
"""A plugin's token is replaced this long before it expires, so that it does not expire on the way."""


class Credentials(Protocol):
    """What goes into the ``Authorization`` of every request."""

    def header(self) -> str | None:
        """Its value at present; None: nothing, the connection's certificate says who we are."""
        ...

    def renew(self) -> bool:
        """Look it up anew, because the server refused it; whether it is another now."""
        ...


class NoCredentials:
    """A client certificate, or nobody at all."""

    def header(self) -> str | None:
        """Nothing."""
        return None

    def renew(self) -> bool:
        """There is no other."""
        return False


class LookedUp:
    """A header that is looked up at its first use and again when the server refuses it."""

    def __init__(self, look_up: Callable[[], str]) -> None:
        self._look_up = look_up
        self._header: str | None = None

    def header(self) -> str | None:
        """The last that was found."""
        if self._header is None:
            self._header = self._look_up()
        return self._header

    def renew(self) -> bool:
        """Look again."""
        before, self._header = self._header, self._look_up()
        return self._header != before


class _PluginStatus(msgspec.Struct):
    token: str = ""
    expirationTimestamp: datetime | None = None  # noqa: N815 - Kubernetes' own spelling
    clientCertificateData: str = ""  # noqa: N815 - the same


class _PluginAnswer(msgspec.Struct):
    status: _PluginStatus = msgspec.field(default_factory=_PluginStatus)


class PluginCredentials:
    """The token that a login plugin prints (``client.authentication.k8s.io``), until it expires."""

    def __init__(
        self, plugin: UserExec, *, folder: Path | None, environment: Mapping[str, str], cluster: Mapping[str, object]
    ) -> None:
        self._plugin = plugin
        self._folder = folder
        self._environment = environment
        self._cluster = cluster
        self._header: str | None = None
        self._until: datetime | None = None

    def header(self) -> str | None:
        """Its token; the plugin is run when there is none, or when it is about to expire."""
        late = self._until is not None and datetime.now(UTC) > self._until - timedelta(seconds=EARLY_S)
        if self._header is None or late:
            self._run()
        return self._header

    def renew(self) -> bool:
        """Run the plugin again."""
        before = self._header
        self._run()
        return self._header != before

    def _run(self) -> None:
        output = self._printed()
        try:
            status = msgspec.json.decode(output, type=_PluginAnswer).status
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UsageError(
                f"the kubeconfig's login program {self._plugin.command} prints no credentials: {error}",
                code="LK501",
                hint="kubectl auth whoami",
            ) from error
        if not status.token:
            certificate = "a client certificate, which Lockage does not take from a program"
            what = certificate if status.clientCertificateData else "no token"
            raise UsageError(
                f"the kubeconfig's login program {self._plugin.command} gives {what}",
                code="LK501",
                hint="use a context with a token or a certificate of its own",
            )
        self._header, self._until = f"Bearer {status.token}", status.expirationTimestamp

    def _printed(self) -> bytes:
        plugin = self._plugin
        asked = {
            "apiVersion": plugin.apiVersion,
            "kind": "ExecCredential",
            "spec": {"interactive": False, "cluster": dict(self._cluster)},
        }
        environment = {**self._environment, **{pair.name: pair.value for pair in plugin.env or []}}
        environment["KUBERNETES_EXEC_INFO"] = msgspec.json.encode(asked).decode()
        command = plugin.command
        if self._folder is not None and os.sep in command:  # relative to the kubeconfig, as kubectl has it
            command = str(self._folder / command)
        try:
            done = subprocess.run(
                [command, *(plugin.args or [])],
                check=False,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PLUGIN_LIMIT_S,
            )
        except FileNotFoundError as error:
            raise UsageError(
                f"the kubeconfig's login program {plugin.command} is not installed",
                code="LK501",
                hint=plugin.installHint or f"install {plugin.command}",
            ) from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnreachableError(
                f"the kubeconfig's login program {plugin.command} does not end well: {error}",
                code="LK505",
                hint="log in to the cluster again; check with: kubectl auth whoami",
            ) from error
        if done.returncode != 0:
            said = " ".join(done.stderr.decode("utf-8", errors="replace").split())[-200:]
            raise UnreachableError(
                f"the kubeconfig's login program {plugin.command} ended with {done.returncode}: {said}",
                code="LK505",
                hint="log in to the cluster again; check with: kubectl auth whoami",
            )
        return done.stdout


def credentials_of(
    user: User | None,
    *,
    reread: Callable[[], User | None],
    folder: Path | None,
    environment: Mapping[str, str],
    cluster: Mapping[str, object],
) -> Credentials:
    """The credentials of a kubeconfig's user; ``reread`` gives that user as the file has it now.

    Raises ``UsageError`` (LK501) for a way of logging in that we do not know.
    """
    if user is None:
        return NoCredentials()
    if user.token_file is not None:
        file = Path(user.token_file)
        file = file if folder is None else folder / file
        return LookedUp(lambda: f"Bearer {_read(file)}")
    if user.token is not None:
        return LookedUp(lambda: f"Bearer {(found.token if (found := reread()) else None) or ''}")
    if user.exec is not None:
        return PluginCredentials(user.exec, folder=folder, environment=environment, cluster=cluster)
    if user.username is not None and user.password is not None:
        pair = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
        return LookedUp(lambda: f"Basic {pair}")
    if user.auth_provider:  # pyright: ignore[reportUnknownMemberType] - only whether it is there
        raise UsageError(
            "the kubeconfig logs in by an auth-provider, which Kubernetes itself gave up in 1.26",
            code="LK501",
            hint="write the kubeconfig anew with the cloud's current program, which uses exec",
        )
    return NoCredentials()


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        reason = f"the token file {file} cannot be read: {error.strerror}"
        raise UsageError(reason, code="LK501", hint=f"ls -l {file}") from error
