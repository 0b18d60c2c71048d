"""A deployment in trouble, opened as far as it can be: whom to ask for the evidence, and what comes of it.

Part of ``wiring``. The surprising thing: only a workload that is not found is an error here. An address that cannot be read, a
way that does not lead to the database, a profile that nobody has written: all that becomes evidence, because it may be the
very cause that is looked for.
"""

# ruff: noqa: PLC0415 - adapters are imported by those who use them, as in ``wiring``

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from secrets import token_bytes
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from lockage.core.redaction import mask_secrets
from lockage.errors import UnreachableError
from lockage.interfaces.places import LocalPlace
from lockage.settings import Settings

if TYPE_CHECKING:
    from lockage.core.diagnosis.findings import Case, Diagnosis
    from lockage.core.redaction.records import Data
    from lockage.core.redaction.redaction import Redaction
    from lockage.flows.collect import Witnesses
    from lockage.flows.collect_catalog import CatalogLook
    from lockage.interfaces.deployments import Located

KEY_BYTES = 32
"""Of the key by which secrets become tokens; it is thrown away."""

JUDGING_S = 1.0
"""Kept back for the rules and for the process itself: 200 replicas' logs take them half of it."""

LEAST_S = 1.0
"""Left for the evidence, however long the deployment was looked for: a healthy source answers in a tenth of that."""


def collected(
    located: Located,
    *,
    limit_s: float,
    say: Callable[[str], None] = lambda _: None,
    glimpse: Callable[[str], None] = lambda _: None,
    settings: Settings | None = None,
    logs: bool = True,
    catalog: bool = False,
) -> Case:
    """The evidence of a deployment, found and collected early enough to be judged within ``limit_s``; as ``collect`` gives it.

    ``say`` gets what people should know of how it was found, ``glimpse`` what is waited for. With ``catalog`` the schema is
    held against that of a clean run beside it, within a time of its own (``settings``). Raises as ``opened_witnesses``.
    """
    from lockage.flows.collect import collect

    begun_s = time.monotonic()
    with opened_witnesses(located, limit_s=limit_s, say=_once(say), settings=settings) as witnesses:
        left_s = max(LEAST_S, limit_s - JUDGING_S - (time.monotonic() - begun_s))
        look = _catalog_look(witnesses) if catalog else None
        case = collect(witnesses, limit_s=left_s, say=glimpse, logs=logs)
        case = case if look is None else look.added_to(case, glimpse)
    took_s = round(time.monotonic() - begun_s, 3)
    return replace(case, evidence=replace(case.evidence, collected_s=took_s))


def _once(say: Callable[[str], None]) -> Callable[[str], None]:
    """Says the same line once: two threads may find the same way to the database."""
    said: set[str] = set()

    def new(line: str) -> None:
        if line not in said:
            said.add(line)
            say(line)

    return new


def _catalog_look(witnesses: Witnesses) -> CatalogLook:
    """The comparison of the catalog, begun."""
    from lockage.flows.collect_catalog import CatalogLook
    from lockage.interfaces.wiring import shadows

    look = CatalogLook(witnesses, shadows(ledger=witnesses.profile.migrations.ledger))
    look.begin()
    return look


@contextmanager
def opened_witnesses(
    located: Located,
    *,
    limit_s: float | None = None,
    say: Callable[[str], None] = lambda _: None,
    settings: Settings | None = None,
) -> Generator[Witnesses]:
    """Whom to ask about the deployment, while the context lasts; ``say`` gets what people should know of how it was found.

    Raises what the platform raises when it does not answer, or when the workload is not there; ``UnreachableError`` (LK606)
    when it was not found early enough within ``limit_s`` to look at anything.
    """
    settings = hurried(settings or Settings())
    open_s = max(LEAST_S, (settings.collecting.limit_s if limit_s is None else limit_s) - JUDGING_S - LEAST_S)
    opening = _Opening(lambda stack: _opened(located, stack, say=say, settings=settings))
    opening.start()
    opening.join(open_s)
    if opening.is_alive():
        raise UnreachableError(
            f"{located.name} was not found within {open_s:g} s: its platform, or the login there, does not answer",
            code="LK606",
            hint="kubectl get deployments; lockage diagnose --limit SECONDS",
        )
    with opening.stack:
        if opening.error is not None:
            raise opening.error
        assert opening.witnesses is not None
        yield opening.witnesses


class _Opening(threading.Thread):
    """Opens the deployment; where it hangs, in a login program or a deaf server, nobody has to wait for it."""

    def __init__(self, open_it: Callable[[ExitStack], Witnesses]) -> None:
        super().__init__(name="lockage-opening", daemon=True)
        self._open_it = open_it
        self.stack = ExitStack()
        self.witnesses: Witnesses | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.witnesses = self._open_it(self.stack)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self.error = error


def _opened(located: Located, stack: ExitStack, *, say: Callable[[str], None], settings: Settings) -> Witnesses:
    place = located.platform
    if isinstance(place, LocalPlace):
        from lockage.interfaces.diagnosing_local import witnesses_on_this_machine

        return witnesses_on_this_machine(located, place, stack, settings=settings)
    from lockage.interfaces.diagnosing_kubernetes import witnesses_on_kubernetes

    return witnesses_on_kubernetes(located, place, stack, say=say, settings=settings)


def hurried(settings: Settings) -> Settings:
    """Settings whose database limits are a diagnosis': its own words must come before nobody waits for them any more."""
    limit_s = settings.collecting.database_timeout_s
    watching = replace(settings.watching, connect_timeout_s=limit_s, statement_timeout_s=limit_s)
    return replace(settings, watching=watching)


def diagnosed(case: Case) -> Diagnosis:
    """What the rules say of it. Raises ``LockageError`` (LK615) where the catalogue of causes is broken."""
    from lockage.core.diagnosis.diagnose import diagnose
    from lockage.core.diagnosis.rules import RULES
    from lockage.interfaces.causes import causes

    return diagnose(case, causes=causes(), rules=RULES)


def without_secrets(case: Case, *, teach: Callable[[Redaction], None] | None = None) -> Callable[[Data], Data]:
    """What masks plain data of this case: the same secret becomes the same token wherever it stands.

    ``teach`` tells it of secrets that nothing in the case shows to be one.
    """
    from lockage.core.redaction.records import learn_data, masked_data
    from lockage.core.redaction.redaction import Redaction
    from lockage.flows.bundle import public_names

    def masked(data: Data) -> Data:
        redaction = Redaction(key=token_bytes(KEY_BYTES), public=public_names(case))
        if teach is not None:
            teach(redaction)
        learn_data(data, redaction)
        return masked_data(data, redaction)

    return masked


T = TypeVar("T")


def masked(record: T) -> T:
    """The record with no password or token in any of its texts, as everything that is shown."""
    return msgspec.convert(_masked(msgspec.to_builtins(record)), type=type(record))


def _masked(value: object) -> object:
    if isinstance(value, str):
        return mask_secrets(value)
    if isinstance(value, dict):
        return {name: _masked(each) for name, each in cast("dict[str, object]", value).items()}
    return [_masked(each) for each in cast("list[object]", value)] if isinstance(value, list) else value
