"""A run as a Job: what is final, what goes with it, and that its name outlives its pod."""

from __future__ import annotations

import json

from lockage.core.plan.cluster_job import FINAL_ENDS, SLACK_S, ClusterJob, beside, job_name, limit_of, owned, the_job
from lockage.core.plan.rights import Rule
from lockage.core.plan.steps import Strategy
from support.plans import hop, plan_of

RULES = (Rule(purpose="find replicas", group="", resource="pods", verbs=("list",)),)


def a_job(**changes: object) -> ClusterJob:
    given: dict[str, object] = {
        "name": "lockage-shop-1",
        "namespace": "n",
        "deployment": "shop",
        "image": "lockage:1",
        "arguments": ("upgrade", "shop"),
        "plan_digest": "sha256:x",
        "limit_s": 9000.0,
        "files": {"plan.yaml": "a plan"},
        "rules": RULES,
    }
    return ClusterJob(**{**given, **changes})  # type: ignore[arg-type]


def kinds(job: ClusterJob) -> list[str]:
    return [each["kind"] for each in beside(job)]


def test_two_pods_of_one_run_have_one_name_and_never_live_at_once() -> None:
    spec = the_job(a_job())["spec"]
    assert spec["template"]["spec"]["hostname"] == "lockage-shop-1"
    assert spec["podReplacementPolicy"] == "Failed"
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_an_end_that_waits_for_a_person_is_final_and_one_out_of_reach_is_not() -> None:
    rules = the_job(a_job())["spec"]["podFailurePolicy"]["rules"]
    final = next(rule for rule in rules if rule["action"] == "FailJob")
    assert tuple(final["onExitCodes"]["values"]) == FINAL_ENDS == (1, 2, 4, 5)


def test_it_is_let_go_only_when_everything_is_there() -> None:
    assert the_job(a_job())["spec"]["suspend"] is True


def test_everything_beside_it_goes_with_it() -> None:
    job = a_job(storage_class="fast", database_url="postgres://u:secret@h/d")
    assert kinds(job) == ["ConfigMap", "Secret", "ServiceAccount", "Role", "RoleBinding", "PersistentVolumeClaim"]
    for each in beside(job):
        owners = owned(each, job=job.name, uid="u-1")["metadata"]["ownerReferences"]
        assert owners == [{"apiVersion": "batch/v1", "kind": "Job", "name": job.name, "uid": "u-1"}]


def test_an_address_stands_in_the_secret_and_nowhere_else() -> None:
    job = a_job(database_url="postgres://u:secret@h/d")
    assert [each["kind"] for each in (the_job(job), *beside(job)) if "secret@" in json.dumps(each)] == ["Secret"]


def test_an_account_that_is_there_is_used_and_given_nothing() -> None:
    job = a_job(service_account="lockage")
    assert kinds(job) == ["ConfigMap"]
    assert the_job(job)["spec"]["template"]["spec"]["serviceAccountName"] == "lockage"


def test_private_files_lie_beside_the_others() -> None:
    job = a_job(private_files={"values-0.yaml": "password: x"})
    files = next(v for v in the_job(job)["spec"]["template"]["spec"]["volumes"] if v["name"] == "files")
    assert files["projected"]["sources"][1]["secret"]["items"] == [{"key": "values-0.yaml", "path": "values-0.yaml"}]


def test_names_are_those_of_objects_whatever_a_deployment_is_called() -> None:
    assert job_name("My shop/EU_west of the whole company", "ab12cd") == "lockage-my-shop-eu-west-of-the-w-ab12cd"


def test_the_limit_is_longer_than_all_that_the_plan_allows() -> None:
    plan = plan_of(hop("1.0.0", "2.0.0", Strategy.SCALE_TO_ZERO))
    assert limit_of(plan, waits_s=60.0) == 60.0 + 2 * sum(hop.kill_budget_s for hop in plan.hops) + SLACK_S
