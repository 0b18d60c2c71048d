"""The rights that Lockage asks for: as narrow as RBAC can say, and complete where a chart grants rights of its own."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.plan.rendered import ApiKind, rendered_in
from lockage.core.plan.rights import Footprint, Rendered, Rule, Use, left_out, missing, reduced, rules_for
from lockage.core.plan.roles import Holder, as_yaml, objects_for

RBAC = "rbac.authorization.k8s.io"
KINDS = {
    ("apps/v1", "Deployment"): ApiKind(group="apps", resource="deployments", namespaced=True),
    ("v1", "Service"): ApiKind(group="", resource="services", namespaced=True),
    ("batch/v1", "Job"): ApiKind(group="batch", resource="jobs", namespaced=True),
    ("v1", "Pod"): ApiKind(group="", resource="pods", namespaced=True),
    (f"{RBAC}/v1", "Role"): ApiKind(group=RBAC, resource="roles", namespaced=True),
    (f"{RBAC}/v1", "RoleBinding"): ApiKind(group=RBAC, resource="rolebindings", namespaced=True),
    (f"{RBAC}/v1", "ClusterRole"): ApiKind(group=RBAC, resource="clusterroles", namespaced=False),
}
CHART = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: coder}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: coder-perms}
rules:
- {apiGroups: [""], resources: [pods], verbs: [create, deletecollection]}
- {apiGroups: [apps], resources: [deployments], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: coder}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: coder-perms}
subjects: []
"""
HOLDER = Holder(name="lockage", namespace="shop")


def rights(footprint: Footprint, use: Use = Use.UPGRADE) -> dict[str, tuple[str, ...]]:
    return {f"{r.group}/{r.resource}/{','.join(r.names)}": r.verbs for r in rules_for(footprint, use=use)}


def held(footprint: Footprint, use: Use = Use.UPGRADE) -> list[Rule]:
    return list(rules_for(footprint, use=use))


def test_looking_needs_no_right_to_write() -> None:
    footprint = Footprint(namespace="shop", workload="coder", helm=True, secrets=("coder-db",))
    verbs = {verb for rule in rules_for(footprint, use=Use.LOOK) for verb in rule.verbs}
    assert verbs == {"get", "list"}


def test_a_version_command_is_the_only_create_of_a_look() -> None:
    found = rights(Footprint(namespace="shop", command=True), Use.LOOK)
    assert [key for key, verbs in found.items() if "create" in verbs] == ["/pods/exec/"]


def test_writing_is_confined_to_the_workload_by_name() -> None:
    found = rights(Footprint(namespace="shop", workload="coder", lease="lockage-coder", helm=True))
    assert found["apps/deployments/coder"] == ("patch",)  # it may be read anyway
    assert found["apps/deployments/scale/coder"] == ("get", "patch")
    assert found["coordination.k8s.io/leases/"] == ("create",)
    assert found["coordination.k8s.io/leases/lockage-coder"] == ("get", "update")


def test_secrets_are_read_by_name_unless_helm_keeps_releases_in_them() -> None:
    footprint = Footprint(namespace="shop", secrets=("coder-db",))
    assert rights(footprint)["/secrets/coder-db"] == ("get",)
    with_helm = rights(Footprint(namespace="shop", secrets=("coder-db",), helm=True))
    assert set(with_helm["/secrets/"]) == {"get", "list", "create", "update", "delete"}
    assert "/secrets/coder-db" not in with_helm


def test_what_a_rendered_role_grants_is_asked_for_as_well() -> None:
    rendered, unknown = rendered_in(CHART, kinds=KINDS, namespace="shop")
    assert unknown == ()
    found = rights(Footprint(namespace="shop", workload="coder", rendered=rendered))
    assert "deletecollection" in found["/pods/"]
    assert "*" in found["apps/deployments/"]
    assert set(found[f"{RBAC}/roles/coder-perms"]) == {"get", "patch", "delete"}
    assert found[f"{RBAC}/rolebindings/"] == ("create",)
    assert not any("bind" in verbs for verbs in found.values())  # the Role that it refers to is the chart's own


def test_a_binding_to_a_role_of_somebody_else_needs_the_right_to_bind_it() -> None:
    chart = CHART.replace("kind: Role, name: coder-perms", "kind: ClusterRole, name: view")
    rendered, _ = rendered_in(chart, kinds=KINDS, namespace="shop")
    assert rights(Footprint(namespace="shop", rendered=rendered))[f"{RBAC}/clusterroles/view"] == ("bind",)


def test_a_kind_that_the_cluster_does_not_serve_is_said_and_not_guessed() -> None:
    text = "apiVersion: example.org/v1\nkind: Gadget\nmetadata: {name: g}\n"
    rendered, unknown = rendered_in(text, kinds=KINDS, namespace="shop")
    assert rendered == ()
    assert unknown == ("The cluster has no kind Gadget of example.org/v1, which the chart renders as g.",)


def test_hooks_of_an_upgrade_are_waited_for_and_those_of_tests_are_not_written() -> None:
    hook = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: 'pre-upgrade,post-upgrade'}}\n"
    test = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, annotations: {helm.sh/hook: test}}\n"
    rendered, _ = rendered_in(hook + test, kinds=KINDS, namespace="shop")
    assert [each.name for each in rendered] == ["j"]
    assert "watch" in rights(Footprint(namespace="shop", rendered=rendered))["batch/jobs/"]


def test_objects_elsewhere_and_of_the_whole_cluster_get_roles_of_their_own() -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: s, namespace: other}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: wide}
rules: [{apiGroups: [""], resources: [nodes], verbs: [watch]}]
"""
    rendered, _ = rendered_in(text, kinds=KINDS, namespace="shop")
    footprint = Footprint(namespace="shop", rendered=rendered)
    narrow = objects_for(rules_for(footprint, use=Use.UPGRADE), HOLDER)
    assert [(o["kind"], o["metadata"].get("namespace")) for o in narrow] == [
        ("ServiceAccount", "shop"),
        ("Role", "shop"),
        ("RoleBinding", "shop"),
        ("Role", "other"),
        ("RoleBinding", "other"),
    ]
    wide = objects_for(rules_for(footprint, use=Use.UPGRADE, cluster_role=True), HOLDER)
    assert [o["metadata"]["name"] for o in wide if o["kind"] == "ClusterRole"] == ["lockage-shop"]
    assert {"nodes", "pods", "clusterroles"} == {rule.resource for rule in left_out(footprint, use=Use.UPGRADE)}


def test_the_yaml_says_what_each_rule_is_for_and_is_the_same_objects() -> None:
    rules = rules_for(Footprint(namespace="shop", workload="coder", helm=True), use=Use.UPGRADE)
    text = as_yaml(rules, HOLDER, remarks=["made by lockage rbac"])
    assert text.startswith("# made by lockage rbac\n---\n")
    assert list(yaml.safe_load_all(text)) == list(objects_for(rules, HOLDER))
    assert all(f"# {rule.purpose}\n- " in text for rule in rules)


def test_who_starts_runs_in_the_cluster_needs_what_the_run_needs_and_the_means_to_start_it() -> None:
    footprint = Footprint(namespace="shop", workload="coder")
    starting = Footprint(namespace="shop", workload="coder", starts=True)
    more = missing(held(starting), held(footprint))
    assert {rule.resource for rule in more} >= {"jobs", "configmaps", "roles", "rolebindings", "serviceaccounts"}
    assert missing(held(footprint), held(starting)) == ()


def test_every_rule_has_a_purpose() -> None:
    rendered, _ = rendered_in(CHART, kinds=KINDS, namespace="shop")
    footprint = Footprint(namespace="shop", rendered=rendered, helm=True, command=True, forwards=True, autoscalers=("a",))
    assert all(rule.purpose for rule in rules_for(footprint, use=Use.UPGRADE, cluster_role=True))


def test_nothing_is_missing_of_what_is_held_and_one_dropped_right_is_named() -> None:
    footprint = Footprint(namespace="shop", workload="coder", helm=True)
    all_of_them = held(footprint)
    assert missing(all_of_them, all_of_them) == ()
    without = [rule for rule in all_of_them if rule.resource != "deployments/scale"]
    assert [rule.spoken for rule in missing(all_of_them, without)] == ["get, patch deployments/scale.apps/coder"]


def test_wildcards_that_are_held_are_enough() -> None:
    admin = [Rule(purpose="", group="*", resource="*", verbs=("*",))]
    assert missing(held(Footprint(namespace="shop", workload="coder", helm=True)), admin) == ()
    scales = Rule(purpose="", group="apps", resource="*/scale", verbs=("patch",))
    assert (
        missing([Rule(purpose="", group="apps", resource="deployments/scale", verbs=("patch",), names=("x",))], [scales]) == ()
    )
    assert missing([Rule(purpose="", group="apps", resource="deployments", verbs=("patch",))], [scales])


def test_a_right_to_one_name_is_not_a_right_to_all() -> None:
    named = Rule(purpose="", group="", resource="secrets", verbs=("get",), names=("a",))
    assert missing([Rule(purpose="", group="", resource="secrets", verbs=("get",))], [named])
    two = Rule(purpose="", group="", resource="secrets", verbs=("get",), names=("a", "b"))
    assert [rule.names for rule in missing([two], [named])] == [("b",)]


resources = st.sampled_from(["pods", "secrets", "pods/log", "*"])
rules = st.builds(
    Rule,
    purpose=st.just("x"),
    group=st.sampled_from(["", "apps", "*"]),
    resource=resources,
    verbs=st.lists(st.sampled_from(["get", "list", "patch", "*"]), min_size=1, max_size=3, unique=True).map(tuple),
    names=st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True).map(tuple),
)


@given(st.lists(rules, max_size=8))
def test_reducing_takes_no_right_away_and_gives_none(some: list[Rule]) -> None:
    fewer = reduced(some)
    assert missing(some, fewer) == ()
    assert missing(fewer, some) == ()
    assert sum(len(r.verbs) for r in fewer) <= sum(len(r.verbs) for r in some)


def test_the_last_right_that_a_rendered_object_needs_is_to_create_its_kind() -> None:
    one = Rendered(kind="Gadget", group="example.org", resource="gadgets", name="g")
    assert "create gadgets.example.org" in {
        r.spoken for r in rules_for(Footprint(namespace="n", rendered=(one,)), use=Use.UPGRADE)
    }


def test_other_kinds_of_workloads_are_looked_at_only_where_no_deployment_is_known() -> None:
    others = {("apps", "statefulsets"), ("apps", "daemonsets")}
    for use in Use:
        nobody_found = {(rule.group, rule.resource) for rule in rules_for(Footprint(namespace="shop"), use=use)}
        found = {(rule.group, rule.resource) for rule in rules_for(Footprint(namespace="shop", workload="coder"), use=use)}
        assert others <= nobody_found
        assert not others & found
