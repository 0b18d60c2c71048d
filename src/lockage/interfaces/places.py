"""Where a deployment is: on the local platform, or on Kubernetes; and what the flags of a command line change about it.

Not for reading files (``deployments``). The surprising thing: paths in a file are relative to that file, and paths in flags to
the folder in which the command was typed; both are absolute from here on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec

from lockage.errors import UsageError
from lockage.interfaces.flags import Reach, Wanted


class LocalPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="local"):
    """Where a deployment on the local platform is."""

    folder: str


class HelmPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a deployment is released by Helm."""

    chart: str  # "coder-v2/coder", "oci://…", a folder or an archive; ``{release}`` stands for the release gone to
    release: str | None = None  # Helm's name of it; None: as the workload's own annotations say
    version: str | None = None  # of the chart, ``{release}`` as above; None: the profile's, or none for a folder or an archive
    arguments: tuple[str, ...] = ()  # the user's own: "-f", "values.yaml", "--set", …
    program: str = "helm"


class KubernetesPlace(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
    tag="kubernetes",
):
    """Where a deployment on Kubernetes is."""

    namespace: str | None = None  # None: the context's
    context: str | None = None  # None: the kubeconfig's current one
    kubeconfig: str | None = None  # None: KUBECONFIG, else ~/.kube/config, else the pod's own service account
    selector: str | None = None  # label selector of the Deployment; None: by the profile
    reach: Reach = "auto"  # the way to its database
    relay_image: str | None = None  # of the pod that relays to the database; None: Lockage's own
    helm: HelmPlace | None = None  # None: the object is patched


Place: TypeAlias = LocalPlace | KubernetesPlace


def beside_file(place: Place, folder: Path) -> Place:
    """The place with its relative paths taken from the folder of the file that describes it."""
    match place:
        case LocalPlace():
            return msgspec.structs.replace(place, folder=str(folder / Path(place.folder).expanduser()))
        case KubernetesPlace(kubeconfig=kubeconfig, helm=helm):
            if kubeconfig is not None:
                place = msgspec.structs.replace(place, kubeconfig=_absolute(kubeconfig, folder))
            return place if helm is None else msgspec.structs.replace(place, helm=_helm_beside(helm, folder))


def as_wanted(place: Place, wanted: Wanted) -> Place:
    """The place with what the command line says instead.

    Raises ``UsageError`` (LK003) when the flags are not for such a place.
    """
    match place:
        case LocalPlace():
            if flags := wanted.kubernetes_flags:
                raise UsageError(
                    f"{wanted.name} is on the local platform, and {', '.join(flags)} are for Kubernetes",
                    code="LK003",
                    hint="leave them out, or name another deployment",
                )
            return place
        case KubernetesPlace():
            return msgspec.structs.replace(
                place,
                namespace=wanted.namespace or place.namespace,
                context=wanted.context or place.context,
                kubeconfig=wanted.kubeconfig or place.kubeconfig,
                selector=wanted.selector or place.selector,
                reach=wanted.reach or place.reach,
                relay_image=wanted.relay_image or place.relay_image,
                helm=_helm_as_wanted(place.helm, wanted),
            )


def _helm_as_wanted(helm: HelmPlace | None, wanted: Wanted) -> HelmPlace | None:
    given = [flag for flag, value in wanted.helm_flags.items() if value]
    if helm is None:
        if wanted.chart is None:
            if given:
                raise UsageError(
                    f"{' and '.join(given)} of Helm say nothing without a chart",
                    code="LK003",
                    hint="give --chart CHART, or platform.helm.chart in lockage.toml",
                )
            return None
        helm = HelmPlace(chart=wanted.chart)
    return msgspec.structs.replace(
        helm,
        chart=wanted.chart or helm.chart,
        release=wanted.helm_release or helm.release,
        program=wanted.helm_program or helm.program,
        arguments=(*helm.arguments, *wanted.helm_arguments),
    )


def _helm_beside(helm: HelmPlace, folder: Path) -> HelmPlace:
    # Helm takes "x/y" for a chart of repository x unless such a folder exists, so only what is plainly a path becomes one.
    chart = _absolute(helm.chart, folder) if helm.chart.startswith((".", "~")) else helm.chart
    return msgspec.structs.replace(helm, chart=chart, arguments=tuple(_arguments_beside(helm.arguments, folder)))


def _arguments_beside(arguments: tuple[str, ...], folder: Path) -> Iterator[str]:
    before = ""
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if before in ("-f", "--values"):
            yield _files(argument, folder)
        elif before == "--set-file":
            yield f"{option}={_file(value, folder)}" if equals else argument
        elif option == "--values" and equals:
            yield f"{option}={_files(value, folder)}"
        else:
            yield argument
        before = argument


def _files(values: str, folder: Path) -> str:
    return ",".join(_file(value, folder) for value in values.split(","))


def _file(value: str, folder: Path) -> str:
    return value if "://" in value or value == "-" else _absolute(value, folder)


def _absolute(path: str, folder: Path) -> str:
    return str(folder / Path(path).expanduser())
