"""A bundle of a deployment in whatever state: opened as far as it can be, collected, masked, packed, written.

Part of ``wiring``. The surprising thing: nothing that fails on the way is an error, not even a platform that cannot be reached:
a bundle that holds only what Lockage itself has written, and says so, is better than none.
"""

# ruff: noqa: PLC0415 - adapters are imported by those who use them, as in ``wiring``

from __future__ import annotations

import os
import platform
import secrets
import sys
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from lockage.core.bundle.manifest import BundleAnswer, Tool
from lockage.core.diagnosis.evidence import Evidence, Missing
from lockage.core.diagnosis.findings import Case
from lockage.core.redaction import mask_secrets
from lockage.core.release.generic import profile_of_migrations
from lockage.errors import UnreachableError
from lockage.interfaces.diagnosing import collected, diagnosed
from lockage.interfaces.places import KubernetesPlace, LocalPlace
from lockage.interfaces.wiring import journals, system_clock
from lockage.settings import Settings

if TYPE_CHECKING:
    from lockage.core.redaction.redaction import Redaction
    from lockage.flows.bundle import Made
    from lockage.interfaces.deployments import Located
    from lockage.interfaces.folders import Folders
    from lockage.ports import Clock
    from lockage.ports.objects import ObjectReader

KEY_BYTES = 32
"""Of the key of a bundle's tokens, which nobody ever sees: with it, guessed secrets could be told from others."""


LEARNING_S = 5.0
"""How long the deployment's secrets are asked for, to be masked in what is saved of a diagnosis."""


def bundle(
    located: Located,
    *,
    folders: Folders,
    output: Path | None,
    here: Path,
    limit_s: float,
    ip_addresses: bool,
    schema: bool,
    catalog: bool = False,
    say: Callable[[str], None],
    glimpse: Callable[[str], None],
    settings: Settings | None = None,
) -> BundleAnswer:
    """The bundle's table of contents, when it is written; ``output`` is a file or a folder, None: a file ``here``.

    With ``catalog`` the schema is held against that of a clean run, within a time of its own beside ``limit_s``. ``say`` gets
    what people should know, ``glimpse`` what goes on. Raises ``RefusedError`` (LK620) when it cannot be written, and what
    finding the workload raises when it is not there.
    """
    from lockage.adapters.bundle_archive import write_bundle

    settings, clock = settings or Settings(), system_clock()
    file = _file(located.name, output, here=here, clock=clock)
    made, vendor = _made(
        located,
        folders=folders,
        limit_s=limit_s,
        ip_addresses=ip_addresses,
        schema=schema,
        catalog=catalog,
        say=say,
        glimpse=glimpse,
        settings=settings,
        clock=clock,
    )
    size, digest = write_bundle(file, made.files, folder=file.name.removesuffix(".tar.gz"), at=made.manifest.at)
    return BundleAnswer(
        file=str(file),
        size_bytes=size,
        sha256=digest,
        vendor=vendor[0],
        contact=vendor[1],
        manifest=made.manifest,
    )


def secrets_of(located: Located, *, limit_s: float = LEARNING_S) -> Callable[[Redaction], None]:
    """What teaches a redaction the deployment's secrets, as far as they can be read now: what a bundle would know."""
    from lockage.flows.bundle import learn_secrets

    def taught(redaction: Redaction) -> None:
        with ExitStack() as stack:
            learn_secrets(
                redaction,
                addresses=_addresses(located),
                secrets=_of_environment(),
                reader=lambda: _reader(located, stack),
                clock=system_clock(),
                limit_s=limit_s,
            )

    return taught


def _of_environment() -> tuple[str, ...]:
    return tuple(value for name in ("PGPASSWORD",) if (value := os.environ.get(name)))


def _file(name: str, output: Path | None, *, here: Path, clock: Clock) -> Path:
    usual = f"lockage-bundle-{_plain(name)}-{clock.now():%Y%m%dT%H%M%SZ}.tar.gz"
    if output is None:
        return here / usual
    output = here / output.expanduser()
    return output / usual if output.is_dir() else output


def _plain(name: str) -> str:
    from lockage.core.bundle.cutting import safe_name

    return safe_name(name)


def _made(
    located: Located,
    *,
    folders: Folders,
    limit_s: float,
    ip_addresses: bool,
    schema: bool,
    catalog: bool,
    say: Callable[[str], None],
    glimpse: Callable[[str], None],
    settings: Settings,
    clock: Clock,
) -> tuple[Made, tuple[str, str]]:
    from lockage.flows.bundle import Ingredients, make_bundle

    began_at, began_s = clock.now(), clock.monotonic()
    evidence_s = min(limit_s, settings.bundling.evidence_s)
    case = _case(located, limit_s=evidence_s, catalog=catalog, say=say, glimpse=glimpse, settings=settings)
    with ExitStack() as stack:
        given = Ingredients(
            case=case,
            judge=diagnosed,
            reader=lambda: _reader(located, stack),
            journals=journals(folders),
            schema=_schema(located, case) if schema else None,
            addresses=_addresses(located),
            secrets=_of_environment(),
            key=secrets.token_bytes(KEY_BYTES),
            ip_addresses=ip_addresses,
            made_by=Tool(
                lockage=version("lockage"),
                python=platform.python_version(),
                system=f"{sys.platform} {platform.machine()}",
            ),
            began_at=began_at,
            began_s=began_s,
            clock=clock,
            settings=settings.bundling,
        )
        made = make_bundle(given, say=glimpse, limit_s=limit_s + (settings.collecting.catalog_s if catalog else 0.0))
    return made, (case.profile.vendor.name, case.profile.vendor.contact)


def _case(
    located: Located,
    *,
    limit_s: float,
    catalog: bool,
    say: Callable[[str], None],
    glimpse: Callable[[str], None],
    settings: Settings,
) -> Case:
    """The evidence; where not even the platform answers, a case that says so and nothing else."""
    try:
        return collected(located, limit_s=limit_s, say=say, glimpse=glimpse, settings=settings, catalog=catalog)
    except UnreachableError as error:
        why = mask_secrets(error.message)
        say(f"the platform does not answer, and the bundle will have little in it: {why}")
    ledger = "public.schema_migrations"
    unknown = profile_of_migrations(form="plain", source="", transaction="file", ledger=ledger)
    place = located.platform
    return Case(
        evidence=Evidence(
            at=system_clock().now(),
            deployment=located.name,
            platform_kind="local" if isinstance(place, LocalPlace) else "kubernetes",
            namespace=place.namespace if isinstance(place, KubernetesPlace) else None,
            missing=(Missing(source="the platform, and the database behind it", why=why),),
        ),
        profile=located.profile or unknown,
        known=located.profile is not None,
    )


def _addresses(located: Located) -> tuple[str, ...]:
    """Texts of the user's own that may hold passwords."""
    place = located.platform
    helm = place.helm if isinstance(place, KubernetesPlace) else None
    arguments = (" ".join(helm.arguments),) if helm is not None else ()
    return (*((located.database_url,) if located.database_url is not None else ()), *arguments)


def _reader(located: Located, stack: ExitStack) -> ObjectReader:
    place = located.platform
    if isinstance(place, LocalPlace):
        from lockage.adapters.local.raw_objects import LocalObjects

        return LocalObjects(Path(place.folder))
    from lockage.interfaces.bundling_kubernetes import objects_on_kubernetes

    return objects_on_kubernetes(located, place, stack)


def _schema(located: Located, case: Case) -> Callable[[], str]:
    def dumped() -> str:
        from lockage.interfaces.schema_dump import dump_of

        return dump_of(located, case)

    return dumped
