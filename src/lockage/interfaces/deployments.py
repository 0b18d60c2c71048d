"""Which deployment a name means: ``demo``, else ``lockage.toml`` here, else the one in the user's folder; or flags alone.

Not for opening anything (``wiring``). The surprising things: the demo is found the same way as every other deployment (what
``demo up`` started, it describes in a file of this very shape); and what neither file nor flags say of a deployment on
Kubernetes, its objects there do, so that a profile and a database may be open here.

A file, with one table a deployment::

    schema = "lockage.deployments/1"

    [deployments.shop]
    profile = "profiles/shop.toml"      # a file beside this one, or the name of a profile that Lockage brings
    database_env = "SHOP_DATABASE_URL"  # the variable that holds the address; or: database = "postgres://…"
    password_command = ["pass", "show", "shop/database"]  # its output is the password, asked anew for each connection
    migrations = "../shop/migrations"   # those of the release gone to, where the profile does not bring them: a checkout's

    [deployments.shop.platform]
    kind = "local"
    folder = "/var/lib/shop"            # where its supervisor keeps its document

    [deployments.coder]                 # profile and database: as the objects on Kubernetes say

    [deployments.coder.platform]
    kind = "kubernetes"
    namespace = "coder"                 # these five are what kubectl calls them; each may be left out
    context = "production"
    kubeconfig = "~/.kube/production"
    selector = "app.kubernetes.io/name=coder"
    reach = "port-forward"              # way to the database: auto, direct, port-forward, pod

    [deployments.coder.platform.helm]
    chart = "oci://ghcr.io/coder/chart/coder"
    arguments = ["-f", "values.yaml"]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Literal, cast

import msgspec

from lockage.core.release.advisory_files import AdvisoryFile
from lockage.core.release.profile import Profile, parse_profile
from lockage.errors import LockageError, RefusedError, UsageError
from lockage.interfaces.advisories import advised, advisories_in, kept_advisories
from lockage.interfaces.flags import Wanted
from lockage.interfaces.folders import Folders
from lockage.interfaces.places import KubernetesPlace, LocalPlace, Place, as_wanted, beside_file

DEMO = "demo"
FILE = "lockage.toml"


class Described(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One deployment, as a file describes it."""

    profile: str | None = None  # None: the one that fits what stands on Kubernetes
    platform: LocalPlace | KubernetesPlace
    database: str | None = None
    database_env: str | None = None
    password_command: tuple[str, ...] = ()
    migrations: str | None = None  # folder of those of the release gone to, such as a checkout's


class DeploymentsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The shape of a ``lockage.toml``."""

    schema: Literal["lockage.deployments/1"]
    deployments: dict[str, Described]


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment as far as files and flags say; what they leave open, its platform answers (``wiring``)."""

    name: str
    profile: Profile | None  # None: on Kubernetes, the one that fits
    database_url: str | None  # None: on Kubernetes, where the replicas have it from
    password_command: tuple[str, ...] = ()
    platform: Place
    beside: Path  # relative paths of its profile are relative to this folder
    migrations: Path | None = None  # the folder that the user named
    kept_advisories: tuple[AdvisoryFile, ...] = ()  # of the configuration folder, for whatever profile
    named_advisories: tuple[AdvisoryFile, ...] = ()  # of the command line


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment with everything resolved."""

    name: str
    profile: Profile
    database_url: str  # as it is reached from here
    database_password: Callable[[], str] | None = None  # asked for each connection; None: the URL's
    platform: Place
    beside: Path  # relative paths of its profile are relative to this folder
    migrations: Path | None = None  # folder of the migrations of the release gone to, where the user named one


def find_deployment(wanted: Wanted, *, folders: Folders, here: Path, environment: Mapping[str, str]) -> Located:
    """The deployment of that name.

    Raises ``UsageError``: LK002 no such name, LK003 flags that do not fit it, LK006 a file that is not valid, LK201 a profile
    that is not, LK540 advisories that are not; ``RefusedError`` (LK009) when it is the demo, and the demo is not up.
    """
    file, described = _described(wanted, folders=folders, here=here)
    place = as_wanted(beside_file(described.platform, file.parent), wanted)
    url = wanted.database or _database_url(described, environment=environment, name=wanted.name, file=file)
    profile, beside = _profile(wanted, described, file=file, here=here)
    return Located(
        name=wanted.name,
        profile=profile,
        database_url=url,
        password_command=described.password_command,
        platform=place,
        beside=beside,
        migrations=_migrations(wanted, described, file=file, here=here),
        kept_advisories=kept_advisories(folders),
        named_advisories=tuple(advisories_in(named) for named in wanted.advisories),
    )


def _migrations(wanted: Wanted, described: Described, *, file: Path, here: Path) -> Path | None:
    if wanted.migrations is not None:
        return here / wanted.migrations.expanduser()
    return file.parent / Path(described.migrations).expanduser() if described.migrations is not None else None


def resolved(
    located: Located,
    *,
    profile: Profile | None = None,
    database_url: str | None = None,
    password: Callable[[], str] | None = None,
) -> Deployment:
    """The deployment with what its platform answered; the profile and the address as reached win over what was said before.

    Its profile has the user's advisories, and the folder of migrations that the user named. Raises as ``advised`` does.
    """
    profile, database_url = profile or located.profile, database_url or located.database_url
    assert profile is not None  # only Kubernetes leaves it open, and says it there
    assert database_url is not None
    return Deployment(
        name=located.name,
        profile=with_users_own(located, profile),
        database_url=database_url,
        database_password=password,
        platform=located.platform,
        beside=located.beside,
        migrations=located.migrations,
    )


def with_users_own(located: Located, profile: Profile) -> Profile:
    """The profile with the user's advisories, and the folder of migrations that the user named. Raises as ``advised`` does."""
    return with_folder(located, advised(profile, kept=located.kept_advisories, named=located.named_advisories))


def with_folder(located: Located, profile: Profile) -> Profile:
    """The profile with the folder of migrations that the user named, if any; also where nobody described the application."""
    if located.migrations is None:
        return profile
    migrations = msgspec.structs.replace(profile.migrations, source=str(located.migrations))
    return msgspec.structs.replace(profile, migrations=migrations)


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


def brought_profiles() -> tuple[Profile, ...]:
    """The profiles that Lockage brings, by name."""
    folder = resources.files("lockage").joinpath("profiles")
    names = sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))
    return tuple(_brought(name) for name in names)


def profile_named(name: str, *, here: Path) -> Profile:
    """A profile that Lockage brings, or the one in a file. Raises ``UsageError``: LK006 none there, LK201 not valid."""
    return _profile_named(name, beside=here, otherwise=here)[0]


def _described(wanted: Wanted, *, folders: Folders, here: Path) -> tuple[Path, Described]:
    name = wanted.name
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
    if wanted.means_kubernetes:
        return here / FILE, Described(platform=KubernetesPlace())
    raise UsageError(
        f"no deployment is called {name}; known: {', '.join(dict.fromkeys(known))}",
        code="LK002",
        hint=f"describe it in {FILE} here or in {folders.configuration}, or say where it is on Kubernetes: -n NAMESPACE",
    )


def _read(file: Path) -> DeploymentsFile:
    try:
        content = msgspec.toml.decode(file.read_bytes())
        return msgspec.convert(_with_kinds(content), type=DeploymentsFile)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", code="LK006", hint=f"ls -l {file}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise UsageError(
            f"{file} is not valid: {error}",
            code="LK006",
            hint="the README shows one: deployments.NAME with profile and platform",
        ) from error


def _with_kinds(content: object) -> object:
    """The file's content, where a platform without a kind is a local one: files were written before there was another."""
    deployments = _table(content).get("deployments")
    for described in _table(deployments).values():
        platform = _table(_table(described).get("platform"))
        if platform:
            platform.setdefault("kind", "local")
    return content


def _table(content: object) -> dict[str, object]:
    return cast("dict[str, object]", content) if isinstance(content, dict) else {}


def _database_url(described: Described, *, environment: Mapping[str, str], name: str, file: Path) -> str | None:
    if described.database is not None:
        return described.database
    variable = described.database_env
    if variable is None:
        if isinstance(described.platform, KubernetesPlace):
            return None
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


def _profile(wanted: Wanted, described: Described, *, file: Path, here: Path) -> tuple[Profile | None, Path]:
    if wanted.profile is not None:
        return _profile_named(str(wanted.profile), beside=here, otherwise=file.parent)
    if described.profile is not None:
        return _profile_named(described.profile, beside=file.parent, otherwise=file.parent)
    if isinstance(described.platform, KubernetesPlace):
        return None, file.parent
    raise UsageError(
        f"{file} names no profile of {wanted.name}",
        code="LK006",
        hint=f"add profile to deployments.{wanted.name}, or give --profile",
    )


def _profile_named(name: str, *, beside: Path, otherwise: Path) -> tuple[Profile, Path]:
    if "/" not in name and not name.endswith(".toml"):
        return _brought(name), otherwise
    file = beside / Path(name).expanduser()
    return profile_in(file), file.parent


def _brought(name: str) -> Profile:
    brought = resources.files("lockage").joinpath("profiles", f"{name}.toml")
    if not brought.is_file():
        raise UsageError(
            f"Lockage brings no profile {name}", code="LK006", hint="give the path of a file that ends in .toml, or has a /"
        )
    return parse_profile(brought.read_bytes(), file=f"profile {name}")


def profile_in(file: Path) -> Profile:
    """The profile in a file. Raises ``UsageError``: LK006 it cannot be read, LK201 it is not valid."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", code="LK006", hint="give the path of a profile") from error
    return parse_profile(content, file=str(file))
