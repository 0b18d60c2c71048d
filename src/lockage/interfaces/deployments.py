"""Which deployment a name means: ``demo``, else ``lockage.toml`` here, else the one in the user's configuration folder.

Not for opening anything (``wiring``). The surprising thing: the demo is found the same way as every other deployment. What
``demo up`` started, it describes in a file of this very shape, beside the demo's data.

A file, with one table a deployment::

    schema = "lockage.deployments/1"

    [deployments.shop]
    profile = "profiles/shop.toml"      # a file beside this one, or the name of a profile that Lockage brings
    database_env = "SHOP_DATABASE_URL"  # the variable that holds the address; or: database = "postgres://…"

    [deployments.shop.platform]
    kind = "local"
    folder = "/var/lib/shop"            # where its supervisor keeps its document
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec

from lockage.core.release.profile import Profile, parse_profile
from lockage.errors import LockageError, RefusedError, UsageError
from lockage.interfaces.folders import Folders

DEMO = "demo"
FILE = "lockage.toml"


class LocalPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a deployment on the local platform is."""

    kind: Literal["local"] = "local"
    folder: str


class HelmPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a deployment is released by Helm."""

    chart: str  # "coder-v2/coder", "oci://…", a folder or an archive; ``{release}`` stands for the release gone to
    release: str | None = None  # Helm's name of it; None: as the workload's own annotations say
    version: str | None = None  # of the chart, ``{release}`` as above; None: the profile's, or none for a folder or an archive
    arguments: tuple[str, ...] = ()  # the user's own: "-f", "values.yaml", "--set", …
    program: str = "helm"


class KubernetesPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a deployment on Kubernetes is."""

    kind: Literal["kubernetes"] = "kubernetes"
    namespace: str | None = None  # None: the context's
    context: str | None = None  # None: the kubeconfig's current one
    kubeconfig: str | None = None  # None: KUBECONFIG, else ~/.kube/config, else the pod's own service account
    selector: str | None = None  # label selector of the Deployment; None: by the profile
    helm: HelmPlace | None = None  # None: the object is patched


class Described(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One deployment, as a file describes it."""

    profile: str
    platform: LocalPlace
    database: str | None = None
    database_env: str | None = None


class DeploymentsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The shape of a ``lockage.toml``."""

    schema: Literal["lockage.deployments/1"]
    deployments: dict[str, Described]


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment with everything resolved."""

    name: str
    profile: Profile
    database_url: str
    platform: LocalPlace
    beside: Path  # relative paths of its profile are relative to this folder


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment as a command line names it: flags win over what a file says."""

    name: str
    profile: Path | None = None
    database: str | None = None


def find_deployment(wanted: Wanted, *, folders: Folders, here: Path, environment: Mapping[str, str]) -> Deployment:
    """The deployment of that name.

    Raises ``UsageError``: LK002 no such name, LK006 a file that is not valid, LK201 a profile that is not;
    ``RefusedError`` (LK009) when it is the demo, and the demo is not up.
    """
    file, described = _described(wanted.name, folders=folders, here=here)
    url = wanted.database or _database_url(described, environment=environment, name=wanted.name, file=file)
    if wanted.profile is not None:
        profile, beside = _profile_in(wanted.profile), wanted.profile.parent
    else:
        profile, beside = _profile_named(described.profile, beside=file.parent)
    folder = str(file.parent / Path(described.platform.folder).expanduser())
    return Deployment(
        name=wanted.name,
        profile=profile,
        database_url=url,
        platform=msgspec.structs.replace(described.platform, folder=folder),
        beside=beside,
    )


def describe(file: Path, deployments: Mapping[str, Described]) -> None:
    """Write a file that ``find_deployment`` reads; only its owner may read it, because an address holds a password.

    Raises ``RefusedError`` (LK008) when it cannot be written.
    """
    content = msgspec.toml.encode(DeploymentsFile(schema="lockage.deployments/1", deployments=dict(deployments)))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_bytes(content)
        beside.replace(file)
    except OSError as error:
        raise unwritable(file, error) from error


def unwritable(file: Path, error: OSError) -> LockageError:
    """The refusal for a file that cannot be written."""
    return RefusedError(f"{file} cannot be written: {error.strerror}", code="LK008", hint="choose another file")


def _described(name: str, *, folders: Folders, here: Path) -> tuple[Path, Described]:
    if name == DEMO:
        file = folders.demo / FILE
        if not file.is_file():
            raise RefusedError("the demo is not up", code="LK009", hint="lockage demo up")
        return file, _read(file).deployments[DEMO]
    known = [DEMO]
    for file in (here / FILE, folders.configuration / FILE):
        if file.is_file():
            deployments = _read(file).deployments
            if name in deployments:
                return file, deployments[name]
            known += deployments
    raise UsageError(
        f"no deployment is called {name}; known: {', '.join(dict.fromkeys(known))}",
        code="LK002",
        hint=f"describe it in {FILE} here or in {folders.configuration}",
    )


def _read(file: Path) -> DeploymentsFile:
    try:
        return msgspec.toml.decode(file.read_bytes(), type=DeploymentsFile)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", code="LK006", hint=f"ls -l {file}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise UsageError(
            f"{file} is not valid: {error}",
            code="LK006",
            hint="the README shows one: deployments.NAME with profile and platform",
        ) from error


def _database_url(described: Described, *, environment: Mapping[str, str], name: str, file: Path) -> str:
    if described.database is not None:
        return described.database
    variable = described.database_env
    if variable is None:
        raise UsageError(
            f"{file} names no database of {name}",
            code="LK006",
            hint=f"add database_env to deployments.{name}, or give --database URL",
        )
    url = environment.get(variable)
    if not url:
        raise UsageError(
            f"the address of {name}'s database should be in {variable}, which is not set",
            code="LK006",
            hint=f"export {variable}=postgres://…, or give --database URL",
        )
    return url


def _profile_named(name: str, *, beside: Path) -> tuple[Profile, Path]:
    if "/" not in name and not name.endswith(".toml"):
        brought = resources.files("lockage").joinpath("profiles", f"{name}.toml")
        if not brought.is_file():
            raise UsageError(
                f"Lockage brings no profile {name}", code="LK006", hint="give the path of a file that ends in .toml"
            )
        return parse_profile(brought.read_bytes(), file=f"profile {name}"), beside
    file = beside / Path(name).expanduser()
    return _profile_in(file), file.parent


def _profile_in(file: Path) -> Profile:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", code="LK006", hint="give the path of a profile") from error
    return parse_profile(content, file=str(file))
