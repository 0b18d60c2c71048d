"""What one deployment on Kubernetes needs to be allowed, found out from the cluster, the chart, and what files and flags say.

Not for printing (``cli.commands.rbac``), nor for the table itself (``core.plan.rights``). The surprising thing: this must work
for somebody who may hardly look. Whatever cannot be found out becomes a sentence, and the rule stays as wide as it must be.
"""

# ruff: noqa: PLC0415 - adapters are imported by those who use them, as in ``wiring``

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from lockage.core.plan.database_role import DatabaseShape, SchemaShape
from lockage.core.plan.rendered import versions_in
from lockage.core.plan.rights import Footprint, Rendered, Rule, Use, left_out, rules_for
from lockage.errors import LockageError, RefusedError, UsageError
from lockage.interfaces.places import HelmPlace, KubernetesPlace
from lockage.settings import Watching

if TYPE_CHECKING:
    from lockage.adapters.kubernetes.client import KubernetesClient
    from lockage.adapters.kubernetes.finding import Found
    from lockage.interfaces.deployments import Located

T = TypeVar("T")


def place_of(located: Located) -> KubernetesPlace:
    """Where the deployment is on Kubernetes. Raises ``UsageError`` (LK550) when it is elsewhere."""
    if not isinstance(located.platform, KubernetesPlace):
        raise UsageError(
            f"{located.name} is on the local platform, which knows no rights but those of its user",
            code="LK550",
            hint=f"lockage rbac {located.name} --database prints the smallest database role",
        )
    return located.platform


def footprint_of(located: Located, *, targets: tuple[str, ...] = ()) -> Footprint:
    """What the deployment's rights depend on, as far as it can be found out; ``targets`` are releases whose charts count too.

    Raises ``UsageError`` (LK550) as ``place_of``; everything else that fails is said in ``unknown``.
    """
    from lockage.interfaces.wiring_kubernetes import opened_client

    place = place_of(located)
    try:
        client = opened_client(place)
    except LockageError as error:
        return _unseen(located, place, error)
    with client:
        return _seen(client, located, place, targets)


def missing_of(located: Located, footprint: Footprint, *, use: Use) -> tuple[Rule, ...]:
    """What our own identity lacks of that. Raises as the client does."""
    from lockage.adapters.kubernetes.rights import missing_rights
    from lockage.interfaces.wiring_kubernetes import opened_client

    with opened_client(place_of(located)) as client:
        return missing_rights(client, rules_for(footprint, use=use, cluster_role=True))


def identity_of(located: Located) -> str:
    """What the API server calls us. Raises as the client does."""
    from lockage.adapters.kubernetes.rights import our_name
    from lockage.interfaces.wiring_kubernetes import opened_client

    with opened_client(place_of(located)) as client:
        return our_name(client)


def remarks_on(footprint: Footprint, *, use: Use, cluster_role: bool) -> tuple[str, ...]:
    """What a person who approves the Role should know beside it, one sentence each."""
    from lockage.core.plan.rights import HELM_STORE

    said = list(footprint.unknown)
    if footprint.helm:
        said.append(HELM_STORE)
    if footprint.forwards:
        said.append("Where the database is reached by its own address, --reach direct leaves out pods/portforward.")
    if footprint.forwards and not footprint.relays and use is Use.LOOK:
        said.append("Where only pods reach the database, --reach pod adds what a pod of our own takes.")
    if not cluster_role:
        said += [
            f"Left out, because only a ClusterRole gives it (--cluster-role): {rule.spoken}, to {rule.purpose}."
            for rule in left_out(footprint, use=use)
        ]
    return tuple(said)


def database_shape(url: str | None, *, ledger: str, problem: str | None = None) -> tuple[DatabaseShape, str | None]:
    """What the smallest database role depends on, and why it is only guessed where nobody could look."""
    from lockage.adapters.postgres.role_needs import read_shape

    if url is not None:
        try:
            return read_shape(url, watching=Watching()), None
        except LockageError as error:
            problem = error.message
    home = ledger.partition(".")[0]
    return DatabaseShape(database=None, schemas=(SchemaShape(name=home),), seen=False), problem


@dataclass(slots=True)
class _Finder:
    """Collects what could not be found out."""

    unknown: list[str]

    def tried(self, look: Callable[[], T], *, otherwise: T, what: str) -> T:
        try:
            return look()
        except LockageError as error:
            self.unknown.append(f"{what}: {error.message}.")
            return otherwise


def _unseen(located: Located, place: KubernetesPlace, error: LockageError) -> Footprint:
    unknown = [f"The cluster was not looked at: {error.message}."]
    unknown.append("So names are not known, and rules are for objects of every name; nor what the chart renders.")
    profile = located.profile
    return Footprint(
        namespace=place.namespace or "default",
        command=profile is None or bool(profile.version.command),
        forwards=_forwards(located, place),
        relays=place.reach == "pod",
        helm=place.helm is not None,
        unknown=tuple(unknown),
    )


def _seen(client: KubernetesClient, located: Located, place: KubernetesPlace, targets: tuple[str, ...]) -> Footprint:
    from lockage.adapters.kubernetes.rights import address_sources, autoscalers_of, brought_kinds, references_of
    from lockage.interfaces.wiring_kubernetes import found_workload

    finder = _Finder([])
    kinds = finder.tried(lambda: brought_kinds(client), otherwise=frozenset[tuple[str, str]](), what="Kinds of others")
    try:
        found = found_workload(client, located, place)
    except LockageError as error:
        return replace(_unseen(located, place, error), namespace=client.namespace, kinds=kinds)
    autoscalers = finder.tried(lambda: autoscalers_of(client, found.name), otherwise=(), what="Autoscalers")
    sources = address_sources(client, found) if located.database_url is None else None
    if sources is not None and sources.problem is not None:
        finder.unknown.append(f"The database's address: {sources.problem}.")
    helm = place.helm is not None or found.helm is not None
    rendered = _rendered(client, found, place, targets, finder) if helm else ()
    return Footprint(
        namespace=client.namespace,
        workload=found.name,
        lease=f"lockage-{found.name}",
        secrets=sources.secrets if sources else (),
        config_maps=sources.config_maps if sources else (),
        command=bool(found.profile.version.command),
        forwards=_forwards(located, place),
        relays=place.reach == "pod",
        autoscalers=autoscalers,
        references=finder.tried(lambda: references_of(client, found.name), otherwise=(), what="What replicas refer to"),
        kinds=kinds,
        helm=helm,
        rendered=rendered,
        unknown=tuple(finder.unknown),
    )


def _forwards(located: Located, place: KubernetesPlace) -> bool:
    """Whether the database may be reached through ``kubectl port-forward``: an address that the user gave is taken as it is."""
    return place.reach in {"port-forward", "pod"} or (place.reach == "auto" and located.database_url is None)


def _rendered(
    client: KubernetesClient, found: Found, place: KubernetesPlace, targets: tuple[str, ...], finder: _Finder
) -> tuple[Rendered, ...]:
    """What the chart renders: the release that runs and, where it is named, the one gone to."""
    from lockage.adapters.kubernetes.rights import api_kinds
    from lockage.core.plan.rendered import rendered_in

    texts = [finder.tried(lambda: _manifest(client, found, place), otherwise="", what="What the chart renders now")]
    for helm, target in [(place.helm, target) for target in targets] if place.helm is not None else ():
        template = partial(_template, client, found, helm, target)
        texts.append(finder.tried(template, otherwise="", what=f"What the chart renders for {target}"))
    if not targets:
        finder.unknown.append(
            "What the chart of the target renders was not looked at: kinds that only it brings are missing here (--to RELEASE)."
        )
    manifests = "\n---\n".join(texts)
    kinds = finder.tried(lambda: api_kinds(client, versions_in(manifests)), otherwise={}, what="Kinds of the chart")
    rendered, unknown = rendered_in(manifests, kinds=kinds, namespace=client.namespace)
    finder.unknown += unknown
    return rendered


def _manifest(client: KubernetesClient, found: Found, place: KubernetesPlace) -> str:
    release = (place.helm and place.helm.release) or (found.helm and found.helm.release)
    if not release:
        raise RefusedError(
            "the Deployment does not say which Helm release it belongs to", code="LK551", hint="--helm-release NAME"
        )
    parts = [_helm(client, place.helm, ["get", part, release]) for part in ("manifest", "hooks")]
    return "\n---\n".join(parts)


def _template(client: KubernetesClient, found: Found, helm: HelmPlace, target: str) -> str:
    from lockage.adapters.helm.arguments import for_template, read_arguments
    from lockage.adapters.helm.private_folder import private_folder
    from lockage.core.release.chart_values import chart_version

    release = helm.release or (found.helm and found.helm.release) or found.name
    chart = helm.chart.replace("{release}", target)
    version = helm.version.replace("{release}", target) if helm.version else None
    if (
        version is None
        and found.profile.helm is not None
        and not (chart.startswith((".", "/")) or chart.endswith((".tgz", ".gz")))
    ):
        version = chart_version(found.profile.helm, target)
    chosen = [f"--version={version}"] if version else []
    with private_folder() as folder:  # values may hold secrets
        user = read_arguments(helm.arguments, namespace=client.namespace, context=client.place.context, kubeconfig=None)
        if not user.reset_values:
            stored = folder / "values.json"
            stored.write_text(_helm(client, helm, ["get", "values", release, "--output=json"]))
            chosen.append(f"--values={stored}")
        return _helm(client, helm, ["template", release, chart, *chosen, "--is-upgrade", *for_template(helm.arguments)])


def _helm(client: KubernetesClient, helm: HelmPlace | None, words: list[str]) -> str:
    from pathlib import Path

    from lockage.adapters.helm.program import find_helm, refused

    program = find_helm(helm.program if helm else "helm", folder=Path.cwd(), environment=_environment(client))
    context = [f"--kube-context={client.place.context}"] if client.place.context else []
    done = program.run([*words, f"--namespace={client.namespace}", *context])
    if done.code != 0:
        raise refused(done, f"helm {words[0]} {words[1]}", code="LK551")
    return done.out


def _environment(client: KubernetesClient) -> dict[str, str]:
    files = os.pathsep.join(str(file) for file in client.place.kubeconfigs)
    return {**os.environ, **({"KUBECONFIG": files} if files else {})}


def rights_lacking(located: Located) -> tuple[str, ...]:
    """What our identity lacks on the cluster, one sentence for each use; none on the local platform, where nobody asks."""
    if not isinstance(located.platform, KubernetesPlace):
        return ()
    footprint = footprint_of(located)
    try:
        lacking = {use: [rule for rule in missing_of(located, footprint, use=use) if not rule.optional] for use in Use}
    except LockageError as error:
        return (f"What our identity may do was not found out: {error.message}.",)
    said = [_lacking(lacking[Use.LOOK], "to look at everything", f"lockage rbac {located.name} --missing --read-only")]
    if not lacking[Use.LOOK]:
        said.append(_lacking(lacking[Use.UPGRADE], "to upgrade", f"lockage rbac {located.name} --missing"))
    return tuple(sentence for sentence in said if sentence)


def _lacking(rules: list[Rule], what_for: str, command: str) -> str:
    if not rules:
        return ""
    named = "; ".join(rule.spoken for rule in rules[:_NAMED]) + ("; …" if len(rules) > _NAMED else "")
    rights = "right is" if len(rules) == 1 else "rights are"
    return f"{len(rules)} {rights} missing {what_for} ({named}): {command} prints them as a Role."


_NAMED = 4
"""Rights that a sentence names; the command that it ends with prints all."""
