"""The user's own arguments of ``helm upgrade``: understood flag by flag, the dangerous ones refused by name.

Not for running anything. The surprising thing: a flag that is not in the table is refused too. ``--atomic`` came back in
Helm 4 as ``--rollback-on-failure``; the next of its kind must not pass because nobody had heard of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from lockage.errors import UsageError


class Is(Enum):
    """What Lockage does with a flag."""

    PASSED = "passed on"
    REFUSED = "refused"
    PLACE = "must say the same as the deployment's description, and is dropped"
    OURS = "taken out, and said by Lockage"
    DROPPED = "what Lockage does anyway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag of ``helm upgrade``."""

    name: str
    short: str | None = None
    takes: bool = True  # a value follows
    bare: bool = False  # it may stand without its value
    does: Is = Is.PASSED
    why: str = ""  # it is refused


_ROLLS_BACK = "it would put old pods over a migrated schema"
_WAITS = "it gives up in the middle of a migration; Lockage watches by itself"
_IDENTITY = (
    "Lockage itself talks to the API server too, and must be the same identity on the same server: say it in the kubeconfig"
)


def _flags() -> Iterator[Flag]:
    yield from (
        Flag(name="atomic", takes=False, does=Is.REFUSED, why=_ROLLS_BACK),
        Flag(name="rollback-on-failure", takes=False, does=Is.REFUSED, why=_ROLLS_BACK),
        Flag(name="cleanup-on-fail", takes=False, does=Is.REFUSED, why="it deletes what a failed upgrade had made"),
        Flag(name="wait", takes=False, bare=True, does=Is.REFUSED, why=_WAITS),
        Flag(name="wait-for-jobs", takes=False, does=Is.REFUSED, why=_WAITS),
        Flag(name="force", takes=False, does=Is.REFUSED, why="it deletes objects and makes them anew"),
        Flag(name="force-replace", takes=False, does=Is.REFUSED, why="it deletes objects and makes them anew"),
        Flag(name="recreate-pods", takes=False, does=Is.REFUSED, why="it restarts pods besides those of the upgrade"),
        Flag(name="install", short="i", takes=False, does=Is.REFUSED, why="Lockage upgrades what is there"),
        Flag(name="create-namespace", takes=False, does=Is.REFUSED, why="Lockage upgrades what is there"),
        Flag(name="dry-run", takes=False, bare=True, does=Is.REFUSED, why="lockage plan shows what would be done"),
        Flag(name="hide-secret", takes=False, does=Is.REFUSED, why="it belongs to --dry-run"),
        Flag(name="output", short="o", does=Is.REFUSED, why="Lockage reads what helm prints"),
        Flag(name="help", short="h", takes=False, does=Is.REFUSED, why="Lockage reads what helm prints"),
        Flag(
            name="reuse-values",
            takes=False,
            does=Is.REFUSED,
            why="it renders the new chart with the old chart's defaults; Lockage keeps the release's own values by itself",
        ),
        Flag(name="force-conflicts", takes=False, does=Is.DROPPED),
        Flag(name="reset-then-reuse-values", takes=False, does=Is.DROPPED),
        Flag(name="reset-values", takes=False, does=Is.OURS),
        Flag(name="description", does=Is.OURS),
        Flag(name="version", does=Is.OURS),
        Flag(name="post-renderer", does=Is.OURS),
        Flag(name="post-renderer-args", does=Is.OURS),
        Flag(name="namespace", short="n", does=Is.PLACE),
        Flag(name="kube-context", does=Is.PLACE),
        Flag(name="kubeconfig", does=Is.PLACE),
    )
    for name in ("apiserver", "as-group", "as-user", "ca-file", "tls-server-name", "token"):
        yield Flag(name=f"kube-{name}", does=Is.REFUSED, why=_IDENTITY)
    yield Flag(name="kube-insecure-skip-tls-verify", takes=False, does=Is.REFUSED, why=_IDENTITY)
    yield Flag(name="values", short="f")
    yield Flag(name="labels", short="l")
    for name in (
        *("set", "set-file", "set-json", "set-literal", "set-string"),
        *("ca-file", "cert-file", "key-file", "keyring", "repo", "username", "password", "registry-config"),
        *("repository-cache", "repository-config", "content-cache", "history-max", "timeout", "burst-limit", "qps"),
        *("color", "colour", "server-side"),
    ):
        yield Flag(name=name)
    for name in (
        *("dependency-update", "devel", "disable-openapi-validation", "enable-dns", "hide-notes", "insecure-skip-tls-verify"),
        *("no-hooks", "pass-credentials", "plain-http", "render-subchart-notes", "skip-crds", "skip-schema-validation"),
        *("take-ownership", "verify", "debug"),
    ):
        yield Flag(name=name, takes=False)


FLAGS = {flag.name: flag for flag in _flags()}
"""By name. Source: ``helm upgrade --help`` of 3.22.0 and 4.3.1."""

SHORT = {flag.short: flag for flag in FLAGS.values() if flag.short}

FETCHING = frozenset(
    {
        *("ca-file", "cert-file", "devel", "insecure-skip-tls-verify", "key-file", "keyring", "pass-credentials", "password"),
        *("plain-http", "repo", "username", "verify", "registry-config", "repository-cache", "repository-config"),
        *("content-cache", "debug"),
    }
)
"""Flags that ``helm pull`` has too."""


_UPGRADE_ONLY = frozenset({"reset-values", "reset-then-reuse-values", "history-max", "force-conflicts"})
"""Flags of ``helm upgrade`` that ``helm template`` does not know. Source: their help, of 3.22.0 and 4.3.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One flag as the user gave it; a switch that was set has the value ``true``."""

    flag: Flag
    value: str

    @property
    def word(self) -> str:
        """As one word of a command line."""
        return f"--{self.flag.name}={self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserArguments:
    """What of the user's arguments goes where."""

    passed: tuple[str, ...] = ()  # to ``helm``, as ``--flag=value``
    reset_values: bool = False
    description: str | None = None
    version: str | None = None
    post_renderer: str | None = None
    post_renderer_arguments: tuple[str, ...] = ()
    fetched: bool = False  # the chart's name is one in a repository (--repo)
    fetching: tuple[str, ...] = ()  # what of ``passed`` says where and how a chart is fetched


def read_arguments(arguments: Sequence[str], *, namespace: str, context: str | None, kubeconfig: str | None) -> UserArguments:
    """The user's arguments, understood.

    Raises ``UsageError`` (LK514) that names the first flag which cannot be passed on, and why.
    """
    given = tuple(_given(arguments))
    places = {"namespace": namespace, "kube-context": context, "kubeconfig": kubeconfig}
    for one in given:
        _refuse(one, places)

    def last(name: str) -> str | None:
        return next((one.value for one in reversed(given) if one.flag.name == name), None)

    renderer = [one.value for one in given if one.flag.name == "post-renderer"]
    if len(renderer) > 1:
        raise _refusal("post-renderer", "Helm takes one post-renderer")
    return UserArguments(
        passed=tuple(one.word for one in given if one.flag.does is Is.PASSED),
        fetching=tuple(one.word for one in given if one.flag.name in FETCHING),
        reset_values=last("reset-values") == "true",
        description=last("description"),
        version=last("version"),
        post_renderer=renderer[0] if renderer else None,
        post_renderer_arguments=tuple(one.value for one in given if one.flag.name == "post-renderer-args"),
        fetched=last("repo") is not None,
    )


def for_template(arguments: Sequence[str]) -> tuple[str, ...]:
    """Those of the user's arguments that ``helm template`` knows too.

    Raises ``UsageError`` (LK514) for a flag that nobody knows.
    """
    return tuple(one.word for one in _given(arguments) if one.flag.name not in _UPGRADE_ONLY)


def _given(arguments: Sequence[str]) -> Iterator[Given]:
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            yield _one(name, f"--{name}", value if equals else None, rest)
        elif word.startswith("-") and len(word) > 1 and word != "--":
            yield from _cluster(word[1:], rest)
        else:
            raise UsageError(
                f"helm.arguments: {word!r} is no flag; release and chart are said by helm.release and helm.chart",
                code="LK514",
                hint='write arguments as on a command line, each word by itself: ["-f", "values.yaml"]',
            )


def _cluster(letters: str, rest: list[str]) -> Iterator[Given]:
    """``-if values.yaml``, ``-fvalues.yaml``, ``-f=values.yaml``."""
    while letters:
        letter, letters = letters[0], letters[1:]
        flag = SHORT.get(letter)
        if flag is None:
            raise _unknown(f"-{letter}")
        if flag.takes:
            value = letters.removeprefix("=") if letters else None
            yield _one(flag.name, f"-{letter}", value, rest)
            return
        yield Given(flag=flag, value="true")


def _one(name: str, written: str, value: str | None, rest: list[str]) -> Given:
    flag = FLAGS.get(name)
    if flag is None:
        raise _unknown(written)
    if value is None and flag.takes:
        if not rest:
            raise UsageError(f"helm.arguments: {written} needs a value", code="LK514", hint="helm upgrade --help")
        value = rest.pop(0)
    return Given(flag=flag, value="true" if value is None else value)


def _refuse(one: Given, places: dict[str, str | None]) -> None:
    flag = one.flag
    off = not flag.takes and one.value.lower() in {"false", "0", "f"}
    if flag.does is Is.REFUSED and not (off and not flag.bare):
        raise _refusal(flag.name, flag.why)
    if flag.does is Is.PLACE and one.value != places[flag.name]:
        ours = places[flag.name] or "nothing"
        raise _refusal(flag.name, f"it says {one.value}, and the deployment's description says {ours}")
    if flag.name == "values" and one.value == "-":
        raise _refusal("values", "helm is run more than once, and standard input can be read once")


def _refusal(name: str, why: str) -> UsageError:
    return UsageError(f"helm.arguments: --{name} is refused: {why}", code="LK514", hint=f"leave --{name} out of helm.arguments")


def _unknown(written: str) -> UsageError:
    return UsageError(
        f"helm.arguments: {written} is refused: Lockage does not know what it does",
        code="LK514",
        hint="helm upgrade --help names the flags; report one that is missing here",
    )


# --- what is shown -------------------------------------------------------------------------------------------------------

_SECRET = re.compile(r"pass|secret|token|key|cred|auth|private|license|url|dsn|connection", re.IGNORECASE)
_SET = frozenset({"--set", "--set-string", "--set-json", "--set-literal"})
MASK = "******"


def shown(command: Sequence[str]) -> tuple[str, ...]:
    """The same command line with everything masked that may be a secret: to be shown and logged.

    Of ``--set`` only numbers, truth values and what stands under a harmless name are shown; every other flag's value is a
    name or a path, but for ``--password``.
    """
    return tuple(_masked(word) for word in command)


def _masked(word: str) -> str:
    flag, equals, value = word.partition("=")
    if not equals:
        return word
    if flag == "--password":
        return f"{flag}={MASK}"
    if flag in _SET:
        return f"{flag}={_masked_values(value, whole=flag in {'--set-json', '--set-literal'})}"
    return re.sub(r"//[^/@\s]+@", f"//{MASK}@", word)


def _masked_values(text: str, *, whole: bool) -> str:
    parts = [text] if whole else re.split(r"(?<!\\),(?![^{]*\})", text)
    return ",".join(_masked_value(part) for part in parts)


def _masked_value(part: str) -> str:
    path, equals, value = part.partition("=")
    harmless = re.fullmatch(r"true|false|null|-?\d{1,9}(\.\d+)?", value) or re.fullmatch(r"[A-Za-z0-9._:/-]{1,40}", value)
    if equals and harmless and not _SECRET.search(path):
        return part
    return f"{path}={MASK}" if equals else MASK
