"""``lockage rbac`` where no cluster and no database answer: what files and flags say, and what is not known."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lockage.interfaces.cli.main import run

NOWHERE = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
contexts: [{name: x, context: {cluster: c, user: u, namespace: shop}}]
current-context: x
"""


@pytest.fixture
def asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Runs ``lockage rbac shop …`` against a cluster that does not answer."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(NOWHERE)

    def ask(*arguments: str) -> tuple[int, str, str]:
        command = ["rbac", "shop", "-n", "shop", "--kubeconfig", str(kubeconfig), *arguments]
        code = run(command, environment={"LOCKAGE_HOME": str(tmp_path / "home")})
        out, err = capsys.readouterr()
        return code, out, err

    return ask


def test_without_a_cluster_the_role_is_wider_and_says_why(asked) -> None:
    code, out, _ = asked("--profile", "towpath")
    assert code == 0
    assert "# The cluster was not looked at: " in out
    role = next(each for each in yaml.safe_load_all(out) if each["kind"] == "Role")
    assert role["metadata"]["namespace"] == "shop"
    assert not [rule for rule in role["rules"] if "resourceNames" in rule]


def test_without_a_database_the_smallest_role_is_written_from_the_profile(asked) -> None:
    code, out, err = asked("--profile", "towpath", "--database")
    assert code == 0
    assert "the database was not looked at" in err
    assert "GRANT SELECT ON public.schema_migrations TO lockage;" in out
    assert "Nobody looked at the database" in out


def test_without_a_profile_no_database_role_can_be_written(asked) -> None:
    code, _, err = asked("--database")
    assert code == 2
    assert "LK552" in err


def test_values_of_the_chart_are_its_rules(asked) -> None:
    code, out, _ = asked("--profile", "towpath", "--values")
    assert code == 0
    assert {"list", "get"} <= set(yaml.safe_load(out)["rbac"]["rules"][0]["verbs"])


def test_the_local_platform_has_no_rights_to_grant(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    (tmp_path / "lockage.toml").write_text(
        'schema = "lockage.deployments/1"\n[deployments.shop]\nprofile = "towpath"\ndatabase = "postgres://h/d"\n'
        '[deployments.shop.platform]\nkind = "local"\nfolder = "shop"\n'
    )
    monkeypatch.chdir(tmp_path)
    assert run(["rbac", "shop"], environment={"LOCKAGE_HOME": str(tmp_path / "home")}) == 2
    assert "LK550" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "forwards"),
    [
        ((), True),
        (("--database-url", "postgresql://db/shop"), False),
        (("--database-url", "postgresql://db/shop", "--reach", "port-forward"), True),
        (("--reach", "direct"), False),
    ],
)
def test_an_address_that_is_given_is_taken_as_it_is_and_needs_no_forwarding(asked, arguments, forwards: bool) -> None:
    code, out, _ = asked("--profile", "towpath", *arguments)
    assert code == 0
    assert ("pods/portforward" in out) is forwards
