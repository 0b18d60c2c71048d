"""An upgrade carried out inside the cluster: what is planned and approved here is packed, sent there, and followed.

Not for carrying out: the Job runs the same ``lockage upgrade`` as a person would. The surprising thing: nothing that it needs
may stay behind on this machine, so every file that the deployment's description leads to is looked for and brought, and what
cannot be brought is refused before anything is made.
"""

# ruff: noqa: PLC0415 - adapters are imported by those who use them, as in ``wiring``

from __future__ import annotations

import base64
import io
import secrets
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from lockage.core.plan.cluster_job import DATABASE_VARIABLE, FILES, ClusterJob, job_name, limit_of
from lockage.core.plan.digest import plan_file
from lockage.core.plan.rights import Use, rules_for
from lockage.core.plan.steps import Plan
from lockage.core.release.profile import Profile
from lockage.errors import HaltedError, RefusedError
from lockage.interfaces.deployments import FILE, Deployment, DeploymentsFile, Described, Located
from lockage.interfaces.places import HelmPlace, KubernetesPlace
from lockage.interfaces.rights import footprint_of, place_of
from lockage.interfaces.wiring import system_clock

if TYPE_CHECKING:
    from lockage.adapters.kubernetes.client import KubernetesClient

PLAN = "plan.yaml"
PROFILE = "profile.toml"

BROUGHT_LIMIT_BYTES = 900_000
"""Of all files together: etcd takes objects of 1.5 MiB, Kubernetes ConfigMaps of 1 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user says of the Job itself."""

    image: str | None = None  # None: Lockage's own of this version
    service_account: str | None = None
    storage_class: str | None = None
    arguments: tuple[str, ...] = ()  # of the upgrade, beside its plan
    waits_s: float = 0.0  # until its window has ended


@dataclass(slots=True)
class _Brought:
    """Files for the Job."""

    files: dict[str, str] = field(default_factory=dict[str, str])
    binary: dict[str, str] = field(default_factory=dict[str, str])
    private: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def bytes(self) -> int:
        return sum(len(text) for group in (self.files, self.binary, self.private) for text in group.values())


def running_in_cluster(located: Located) -> str | None:
    """The name of the Job in which a run of the deployment is under way; None when there is none.

    Raises ``UsageError`` (LK550) when the deployment is not on Kubernetes; as the client does.
    """
    from lockage.adapters.kubernetes.jobs import running_job

    with _client(located) as client:
        return running_job(client, located.name)


def start_in_cluster(located: Located, deployment: Deployment, plan: Plan, options: Options) -> str:
    """Begin a run of the plan in the cluster; gives the name of its Job.

    Raises ``RefusedError`` (LK553) for what cannot be brought there; as the client does, and then nothing is left.
    """
    from lockage.adapters.kubernetes.jobs import start

    with _client(located) as client:
        job = _packed(client, located, deployment, plan, options)
        start(client, job)
    return job.name


def follow_in_cluster(located: Located, job: str, *, tell: Callable[[str], None], note: Callable[[str], None]) -> int:
    """The exit code with which the run in the Job ended; ``tell`` gets its lines, ``note`` what Kubernetes says meanwhile.

    Raises ``HaltedError`` (LK554) when it did not end by itself.
    """
    from lockage.adapters.kubernetes.jobs import follow

    with _client(located) as client:
        ended = follow(client, job, tell=tell, note=note, clock=system_clock())
    if ended.exit_code is None:
        raise HaltedError(
            f"Job {job} ended without an end of Lockage: {ended.reason or 'its pods are gone'}",
            code="LK554",
            hint=f"kubectl -n {client.namespace} describe job {job}; the same command goes on from where it stands",
        )
    return ended.exit_code


def _client(located: Located) -> KubernetesClient:
    from lockage.interfaces.wiring_kubernetes import opened_client

    return opened_client(place_of(located))


def _packed(client: KubernetesClient, located: Located, deployment: Deployment, plan: Plan, options: Options) -> ClusterJob:
    from lockage.interfaces.wiring_kubernetes import OWN_IMAGE

    place = place_of(located)
    inside = _inside(client, place)
    brought = _brought(located, deployment, inside, plan)
    if brought.bytes > BROUGHT_LIMIT_BYTES:
        raise _not_brought(f"its files are {brought.bytes:,} bytes together, and an object holds {BROUGHT_LIMIT_BYTES:,}")
    direct = msgspec.structs.replace(located, platform=msgspec.structs.replace(place, reach="direct"))
    footprint = footprint_of(direct, targets=tuple(hop.to_release for hop in plan.hops))
    rules = rules_for(footprint, use=Use.UPGRADE)
    return ClusterJob(
        name=job_name(located.name, secrets.token_hex(3)),
        namespace=client.namespace,
        deployment=located.name,
        image=options.image or OWN_IMAGE,
        arguments=("upgrade", located.name, "--plan", f"{FILES}/{PLAN}", "--go-on", "--yes", "--json", *options.arguments),
        plan_digest=plan.content_digest,
        limit_s=limit_of(plan, waits_s=options.waits_s),
        files=brought.files,
        binary_files=brought.binary,
        private_files=brought.private,
        database_url=located.database_url,
        # A Role elsewhere could not go with the Job: owners are in the same namespace.
        rules=tuple(rule for rule in rules if rule.namespace is None),
        service_account=options.service_account,
        storage_class=options.storage_class,
    )


def _inside(client: KubernetesClient, place: KubernetesPlace) -> KubernetesPlace:
    """The same place as it is seen from a pod: its own service account, and the database by its own address."""
    return msgspec.structs.replace(
        place, namespace=client.namespace, context=None, kubeconfig=None, reach="direct", relay_image=None
    )


def _brought(located: Located, deployment: Deployment, place: KubernetesPlace, plan: Plan) -> _Brought:
    brought = _Brought()
    _refuse_folders(deployment.profile)
    if place.helm is not None:
        place = msgspec.structs.replace(place, helm=_helm(place.helm, plan, brought))
    described = Described(
        profile=PROFILE,
        platform=place,
        database_env=DATABASE_VARIABLE if located.database_url is not None else None,
        password_command=located.password_command,
    )
    written = DeploymentsFile(schema="lockage.deployments/1", deployments={located.name: described})
    # Values given on Helm's command line may be secrets; nobody can tell.
    secret = place.helm is not None and any(argument.startswith("--set") for argument in place.helm.arguments)
    (brought.private if secret else brought.files)[FILE] = _toml(written)
    brought.files[PROFILE] = _toml(deployment.profile)
    brought.files[PLAN] = plan_file(plan)
    return brought


def _helm(helm: HelmPlace, plan: Plan, brought: _Brought) -> HelmPlace:
    arguments: list[str] = []
    before = ""
    for argument in helm.arguments:
        option, equals, value = argument.partition("=")
        if before in {"-f", "--values"}:
            arguments.append(_values(argument, brought))
        elif before == "--set-file":
            arguments.append(f"{option}={_values(value, brought)}")
        elif option in {"--values", "--set-file"} and equals:
            name, also, file = value.partition("=") if option == "--set-file" else ("", "", value)
            arguments.append(f"{option}={name}{also}{_values(file, brought)}")
        else:
            arguments.append(argument)
        before = argument
    return msgspec.structs.replace(helm, chart=_chart(helm.chart, plan, brought), arguments=tuple(arguments), program="helm")


def _values(files: str, brought: _Brought) -> str:
    """The same list of files as the Job finds them; remote ones stay."""
    there: list[str] = []
    for file in files.split(","):
        if "://" in file:
            there.append(file)
            continue
        name = f"values-{len(brought.private)}.yaml"
        try:
            brought.private[name] = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _not_brought(f"{file} cannot be read: {error}") from error
        there.append(f"{FILES}/{name}")
    return ",".join(there)


def _chart(chart: str, plan: Plan, brought: _Brought) -> str:
    """The chart as the Job finds it: one of a repository stays, a folder or an archive here is brought, for each hop."""
    releases = dict.fromkeys([plan.from_release, *(hop.to_release for hop in plan.hops)])
    here = {release: Path(chart.replace("{release}", release)) for release in releases}
    if not any(path.exists() for path in here.values()):
        if chart.startswith((".", "/", "~")):
            raise _not_brought(f"there is no chart {chart}")
        return chart
    each = "{release}" in chart
    for release, path in here.items():
        if path.exists():
            name = f"chart-{release}.tgz" if each else "chart.tgz"
            brought.binary[name] = base64.b64encode(_archive(path)).decode()
    return f"{FILES}/chart-{{release}}.tgz" if each else f"{FILES}/chart.tgz"


def _archive(chart: Path) -> bytes:
    if chart.is_file():
        return chart.read_bytes()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(chart, arcname=chart.name)  # Helm wants one folder in it, of the chart's name
    return packed.getvalue()


def _refuse_folders(profile: Profile) -> None:
    for what, source in (("migrations", profile.migrations.source), ("statements", profile.statements.source)):
        if source is not None and not source.startswith("package:"):
            raise _not_brought(f"the profile's {what} are in a folder of this machine, {source}")


def _not_brought(why: str) -> RefusedError:
    return RefusedError(
        f"the upgrade cannot be carried out in the cluster: {why}",
        code="LK553",
        hint="carry it out from here, without --in-cluster; or put what is missing into an image of your own: --image",
    )


def _toml(record: msgspec.Struct) -> str:
    return msgspec.toml.encode(_without_none(msgspec.to_builtins(record))).decode()


def _without_none(value: Any) -> Any:
    """The same without keys whose value is None, which TOML has no word for."""
    if isinstance(value, Mapping):
        table = cast("Mapping[str, Any]", value)
        return {key: _without_none(each) for key, each in table.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_without_none(each) for each in cast("list[Any]", value)]
    return value
