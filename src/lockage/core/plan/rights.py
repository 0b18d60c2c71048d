"""What Lockage needs to be allowed on a cluster: one table, from which every Role is made and every missing right is named.

Not for asking a cluster (``adapters.kubernetes``) nor for writing manifests (``roles``). The surprising thing: the chart of the
application decides most of it. Whoever lets Helm write must be allowed every kind that the chart renders, and where it renders
a Role, everything that this Role grants, because the API server lets nobody grant what they do not have.

Source: Kubernetes documentation v1.33, "Using RBAC Authorization" (referring to resources, privilege escalation prevention).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

READ = ("get", "list")
LIST = ("list",)
GET = ("get",)
RUN_IN = ("create", "get")  # over SPDY it is a create, over a web socket a get
CHANGE = ("get", "patch")
EVERYTHING = "*"
RBAC = "rbac.authorization.k8s.io"

HELM_STORE = (
    "Helm keeps its releases in Secrets and finds them by a label, and RBAC knows no patterns of names: "
    "who may list them may read every Secret of the namespace."
)
"""What a reader of the Role must be told: this right is wider than its purpose."""


class Use(StrEnum):
    """What a right is needed for."""

    LOOK = "look"  # survey, forecast, plan, diagnose: changes nothing
    UPGRADE = "upgrade"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of object, what may be done with it, and what for."""

    purpose: str  # an infinitive: "find the replicas"
    group: str  # "": the core group
    resource: str  # plural, a subresource behind a slash: "pods/log"
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()  # empty: objects of every name
    namespace: str | None = None  # None: the deployment's own
    cluster_wide: bool = False  # needs a ClusterRole
    optional: bool = False  # without it less is seen, and nothing fails

    @property
    def spoken(self) -> str:
        """For people: "patch deployments.apps/coder"."""
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{', '.join(self.verbs)} {kind}" + (f"/{', '.join(self.names)}" if self.names else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One object that the application's chart renders."""

    kind: str
    group: str
    resource: str
    name: str
    namespace: str | None = None  # None: the release's own
    cluster_wide: bool = False
    hook: bool = False  # Helm makes it, waits for it and deletes it
    grants: tuple[Rule, ...] = ()  # of a Role
    binds: tuple[str, str] | None = None  # of a binding to a Role that the chart does not render: (resource, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """One deployment, as far as rights depend on it. What is not known is empty, and makes rules wider, never narrower."""

    namespace: str
    workload: str | None = None
    lease: str | None = None
    secrets: tuple[str, ...] = ()  # that hold the database's address, or a part of it
    config_maps: tuple[str, ...] = ()
    command: bool = False  # the profile reads the version by a command in a replica
    forwards: bool = False  # the database is reached through kubectl port-forward
    relays: bool = False  # … to a pod of ours
    autoscalers: tuple[str, ...] = ()  # HorizontalPodAutoscalers that are there
    kinds: frozenset[tuple[str, str]] = frozenset()  # (group, resource) that this cluster has, of those that others bring
    references: tuple[tuple[str, str], ...] = ()  # (resource, name) of what a new replica cannot start without
    starts: bool = False  # runs are carried out in the cluster, and this is for who starts them there
    helm: bool = False
    rendered: tuple[Rendered, ...] = ()
    unknown: tuple[str, ...] = ()  # what could not be found out, one sentence each


LOOKING: tuple[Rule, ...] = (
    Rule(purpose="find the workload and what was asked for", group="apps", resource="deployments", verbs=READ),
    Rule(purpose="tell its revisions apart", group="apps", resource="replicasets", verbs=LIST),
    Rule(purpose="find the replicas, their restarts and last exits", group="", resource="pods", verbs=READ),
    Rule(purpose="read what the replicas wrote, before a restart too", group="", resource="pods/log", verbs=GET),
    Rule(purpose="see kills, back-offs and failed pulls", group="", resource="events", verbs=LIST),
    Rule(purpose="find the service in front of the replicas", group="", resource="services", verbs=READ),
    Rule(purpose="ask one replica over HTTP", group="", resource="pods/proxy", verbs=GET),
    Rule(purpose="ask the service over HTTP", group="", resource="services/proxy", verbs=GET),
    Rule(purpose="find autoscalers", group="autoscaling", resource="horizontalpodautoscalers", verbs=LIST),
    Rule(purpose="find budgets that would keep old replicas", group="policy", resource="poddisruptionbudgets", verbs=LIST),
    Rule(purpose="find quotas that would refuse one more replica", group="", resource="resourcequotas", verbs=LIST),
)
"""What every look at a deployment reads."""

BROUGHT: tuple[Rule, ...] = (
    Rule(purpose="find KEDA's autoscalers", group="keda.sh", resource="scaledobjects", verbs=LIST, optional=True),
    Rule(
        purpose="find what would evict replicas to give them other resources",
        group="autoscaling.k8s.io",
        resource="verticalpodautoscalers",
        verbs=LIST,
        optional=True,
    ),
    Rule(
        purpose="see what Argo CD would put on the workload",
        group="argoproj.io",
        resource="applications",
        verbs=LIST,
        optional=True,
    ),
    Rule(
        purpose="see what Flux would put on the workload",
        group="helm.toolkit.fluxcd.io",
        resource="helmreleases",
        verbs=GET,
        optional=True,
    ),
    Rule(
        purpose="see what Flux would put on the workload",
        group="kustomize.toolkit.fluxcd.io",
        resource="kustomizations",
        verbs=GET,
        optional=True,
    ),
    Rule(purpose="see what the replicas use", group="metrics.k8s.io", resource="pods", verbs=LIST, optional=True),
)
"""Kinds that others bring: a rule only where the cluster has them."""

ROOM: tuple[Rule, ...] = (
    Rule(
        purpose="see whether a node has room for one more replica",
        group="",
        resource="nodes",
        verbs=LIST,
        cluster_wide=True,
        optional=True,
    ),
    Rule(
        purpose="see what the nodes have to carry already",
        group="",
        resource="pods",
        verbs=LIST,
        cluster_wide=True,
        optional=True,
    ),
)
"""The only cluster-wide rights of our own; without them, room on the nodes is named as not checked."""


STARTING: tuple[Rule, ...] = (
    Rule(
        purpose="start, find and end runs in the cluster",
        group="batch",
        resource="jobs",
        verbs=("create", "get", "list", "update", "delete"),
    ),
    Rule(purpose="bring a run its files", group="", resource="configmaps", verbs=("create",)),
    Rule(purpose="bring a run files that may be secret", group="", resource="secrets", verbs=("create",)),
    Rule(purpose="keep a run's journal on a volume", group="", resource="persistentvolumeclaims", verbs=("create",)),
    Rule(purpose="give a run an account of its own", group="", resource="serviceaccounts", verbs=("create",)),
    Rule(purpose="give a run its rights", group=RBAC, resource="roles", verbs=("create",)),
    Rule(purpose="give a run its rights", group=RBAC, resource="rolebindings", verbs=("create",)),
)
"""For who starts runs in the cluster, beside everything that the run itself may do: nobody grants what they do not have."""


def rules_for(footprint: Footprint, *, use: Use, cluster_role: bool = False) -> tuple[Rule, ...]:
    """What Lockage needs for this use of this deployment, the narrowest that RBAC can say, in the order of the table.

    Cluster-wide rules are among them with ``cluster_role`` only; ``left_out`` gives those that are not.
    """
    wanted = tuple(_wanted(footprint, use=use))
    return reduced(rule for rule in wanted if cluster_role or not rule.cluster_wide)


def left_out(footprint: Footprint, *, use: Use) -> tuple[Rule, ...]:
    """The rules that only a ClusterRole could give."""
    return reduced(rule for rule in _wanted(footprint, use=use) if rule.cluster_wide)


def reduced(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The same rights without what another of these rules already gives; rules of the same objects become one."""
    merged: dict[tuple[object, ...], Rule] = {}
    for rule in rules:
        key = (rule.group, rule.resource, frozenset(rule.names), rule.namespace, rule.cluster_wide)
        known = merged.get(key)
        merged[key] = rule if known is None else _both(known, rule)
    kept: list[Rule] = []
    for rule in merged.values():
        others = [other for other in merged.values() if other is not rule and _reaches(other, rule)]
        verbs = tuple(verb for verb in rule.verbs if not any(_allows(other.verbs, verb) for other in others))
        if verbs:
            kept.append(replace(rule, verbs=verbs))
    return tuple(kept)


def missing(wanted: Iterable[Rule], held: Sequence[Rule]) -> tuple[Rule, ...]:
    """Of the rules that are wanted, those verbs and names that none of the held ones gives.

    Held rules may be written with "*" for group, resource and verb, as the API server reviews them; they are those of one
    namespace, the cluster's included.
    """
    lacking: list[Rule] = []
    for rule in wanted:
        for name in rule.names or ("",):
            one = replace(rule, names=(name,) if name else ())
            giving = [other for other in held if _reaches(other, one)]
            verbs = tuple(verb for verb in one.verbs if not any(_allows(other.verbs, verb) for other in giving))
            if verbs:
                lacking.append(replace(one, verbs=verbs))
    return reduced(lacking)


def _wanted(footprint: Footprint, *, use: Use) -> Iterator[Rule]:
    yield from LOOKING
    yield from (rule for rule in BROUGHT if (rule.group, rule.resource) in footprint.kinds)
    yield from _looking_here(footprint)
    yield from ROOM
    if use is Use.UPGRADE:
        yield from _upgrading(footprint)
        yield from _charted(footprint)
        yield from STARTING if footprint.starts else ()


def _looking_here(footprint: Footprint) -> Iterator[Rule]:
    lease = Rule(purpose="see who upgrades it now", group="coordination.k8s.io", resource="leases", verbs=GET)
    yield replace(lease, names=_names(footprint.lease))
    if footprint.workload is None:
        no_deployment = "say so where it is no Deployment"
        yield Rule(purpose=no_deployment, group="apps", resource="statefulsets", verbs=LIST, optional=True)
        yield Rule(purpose=no_deployment, group="apps", resource="daemonsets", verbs=LIST, optional=True)
    address = Rule(purpose="read the database's address", group="", resource="secrets", verbs=GET)
    if footprint.secrets:
        yield replace(address, names=footprint.secrets)
    if footprint.config_maps:
        yield replace(address, resource="configmaps", names=footprint.config_maps)
    if footprint.command:
        yield Rule(purpose="read the version by a command in a replica", group="", resource="pods/exec", verbs=RUN_IN)
    if footprint.forwards:
        yield Rule(purpose="reach the database through a pod", group="", resource="pods/portforward", verbs=RUN_IN)
    if footprint.relays:
        yield Rule(purpose="reach the database from a pod of our own", group="", resource="pods", verbs=("create", "delete"))
    if footprint.helm:
        yield Rule(purpose="read Helm's releases", group="", resource="secrets", verbs=("get", "list"))


def _upgrading(footprint: Footprint) -> Iterator[Rule]:
    workload = _names(footprint.workload)
    roll_out = Rule(
        purpose="roll out, scale, and write on the workload how it was",
        group="apps",
        resource="deployments",
        verbs=CHANGE,
        names=workload,
    )
    yield roll_out
    if footprint.helm:
        yield replace(roll_out, purpose="scale where the chart says no number of replicas", resource="deployments/scale")
    # A create is authorised before the object has a name, so no name can be demanded of it.
    lease = Rule(purpose="keep other upgrades away", group="coordination.k8s.io", resource="leases", verbs=("create",))
    yield lease
    yield replace(lease, verbs=("get", "update"), names=_names(footprint.lease))
    if footprint.autoscalers:
        yield Rule(
            purpose="keep autoscalers still while it lasts",
            group="autoscaling",
            resource="horizontalpodautoscalers",
            verbs=CHANGE,
            names=footprint.autoscalers,
        )
    if ("keda.sh", "scaledobjects") in footprint.kinds:
        yield Rule(purpose="keep KEDA still while it lasts", group="keda.sh", resource="scaledobjects", verbs=("patch",))
    yield Rule(purpose="try the new image before the outage", group="", resource="pods", verbs=("create", "delete"))
    for resource, name in footprint.references:
        purpose = "see before the outage that what a replica refers to is there"
        yield Rule(purpose=purpose, group="", resource=resource, verbs=GET, names=(name,), optional=True)
    if ("metrics.k8s.io", "pods") not in footprint.kinds:
        purpose = "see what the replicas use, from inside, as there is no metrics server"
        yield Rule(purpose=purpose, group="", resource="pods/exec", verbs=RUN_IN, optional=True)
    if footprint.helm:
        yield Rule(purpose="keep Helm's releases", group="", resource="secrets", verbs=("create", "update", "delete"))


def _charted(footprint: Footprint) -> Iterator[Rule]:
    """Every kind that the chart renders; then what its Roles grant, and what its bindings refer to."""
    for each in footprint.rendered:
        place = Rule(
            purpose="write what the chart renders",
            group=each.group,
            resource=each.resource,
            verbs=("create",),
            namespace=each.namespace,
            cluster_wide=each.cluster_wide,
        )
        yield place
        yield replace(place, verbs=("get", "patch", "delete"), names=(each.name,))
        if each.hook:
            yield replace(place, purpose="wait for the chart's hooks", verbs=("list", "watch"))
    for each in footprint.rendered:
        for grant in each.grants:
            yield replace(
                grant,
                purpose=f"write {each.kind} {each.name}, which grants this",
                namespace=each.namespace,
                cluster_wide=each.cluster_wide,
            )
        if each.binds is not None:
            resource, name = each.binds
            yield Rule(
                purpose=f"write {each.kind} {each.name}, which refers to it",
                group=RBAC,
                resource=resource,
                verbs=("bind",),
                names=(name,),
                namespace=each.namespace,
                cluster_wide=each.cluster_wide,
            )


def _names(name: str | None) -> tuple[str, ...]:
    return (name,) if name else ()


def _both(one: Rule, other: Rule) -> Rule:
    purpose = one.purpose if other.purpose in one.purpose else f"{one.purpose}; {other.purpose}"
    verbs = tuple(dict.fromkeys((*one.verbs, *other.verbs)))
    return replace(one, purpose=purpose, verbs=verbs, optional=one.optional and other.optional)


def _reaches(giver: Rule, rule: Rule) -> bool:
    """Whether ``giver`` is about every object of ``rule``; a right in the whole cluster is one in each namespace."""
    if giver.group not in {rule.group, EVERYTHING} or not _same_resource(giver.resource, rule.resource):
        return False
    if not giver.cluster_wide and (rule.cluster_wide or giver.namespace != rule.namespace):
        return False
    return not giver.names or (bool(rule.names) and set(rule.names) <= set(giver.names))


def _same_resource(giver: str, resource: str) -> bool:
    # "*/scale" is the scale of every kind. Source: rbac v1 PolicyRule, resources.
    return giver in {resource, EVERYTHING} or ("/" in resource and giver == f"*/{resource.partition('/')[2]}")


def _allows(verbs: Iterable[str], verb: str) -> bool:
    return verb in verbs or EVERYTHING in verbs
