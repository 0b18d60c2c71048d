"""Which cluster, as whom, in which namespace."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from lightkube.config.models import User

from lockage.adapters.kubernetes.client import open_client
from lockage.adapters.kubernetes.credentials import Credentials, credentials_of
from lockage.adapters.kubernetes.kubeconfig import choose
from lockage.errors import LockageError, UnreachableError, UsageError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a kubeconfig with the contexts named, the first of them current, and gives its path."""

    def written(name: str, *contexts: str, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "current-context": contexts[0] if contexts else "",
            "clusters": [
                {"name": one, "cluster": {"server": f"https://{one}.{name}.example.com/", **cluster}} for one in contexts
            ],
            "users": [{"name": one, "user": user or {"token": f"{one} of {name}"}} for one in contexts],
            "contexts": [
                {"name": one, "context": {"cluster": one, "user": one, "namespace": f"{one}-space"}} for one in contexts
            ],
        }
        file.write_text(yaml.safe_dump(content))
        return file

    return written


def refused(kubeconfig: Path | None, context: str | None = None, **environment: str) -> LockageError:
    with pytest.raises(LockageError) as raised:
        choose(kubeconfig=kubeconfig, context=context, environment=environment)
    return raised.value


def test_a_named_file_wins_and_its_current_context_counts(write: Write) -> None:
    named, other = write("a", "prod", "test"), write("b", "dev")
    chosen = choose(kubeconfig=named, context=None, environment={"KUBECONFIG": str(other)})
    assert (chosen.config.context_name, chosen.config.namespace) == ("prod", "prod-space")
    assert chosen.config.cluster.server == "https://prod.a.example.com/"
    assert chosen.files == (named,)


def test_another_context_is_taken_when_it_is_named(write: Write) -> None:
    assert choose(kubeconfig=write("a", "prod", "test"), context="test", environment={}).config.context_name == "test"


def test_several_files_are_laid_over_each_other_and_missing_ones_passed_over(write: Write, tmp_path: Path) -> None:
    first, second = write("a", "prod"), write("b", "prod", "dev")
    files = f"{first}:{tmp_path / 'missing'}:{second}"
    both = {"KUBECONFIG": files}
    assert choose(kubeconfig=None, context=None, environment=both).config.cluster.server == "https://prod.a.example.com/"
    assert choose(kubeconfig=None, context="dev", environment=both).config.cluster.server == "https://dev.b.example.com/"


def test_paths_are_relative_to_the_file_they_stand_in(write: Write, tmp_path: Path) -> None:
    first = write("one/a", "prod")
    second = write("two/b", "dev", user={"tokenFile": "token"}, **{"certificate-authority": "ca.crt"})
    chosen = choose(kubeconfig=None, context="dev", environment={"KUBECONFIG": f"{first}:{second}"})
    assert chosen.config.cluster.certificate_auth == str(tmp_path / "two" / "ca.crt")
    assert chosen.config.user is not None
    assert chosen.config.user.token_file == str(tmp_path / "two" / "token")


def test_the_usual_file_is_found_at_home(write: Write, tmp_path: Path) -> None:
    write(".kube/config", "prod")
    assert choose(kubeconfig=None, context=None, environment={"HOME": str(tmp_path)}).config.context_name == "prod"


def test_a_servers_name_and_proxy_are_read(write: Write) -> None:
    file = write("a", "prod", **{"tls-server-name": "kubernetes", "proxy-url": "http://proxy:3128"})
    chosen = choose(kubeconfig=file, context=None, environment={})
    assert (chosen.server_name, chosen.proxy_url) == ("kubernetes", "http://proxy:3128")


def test_no_kubeconfig_at_all(tmp_path: Path) -> None:
    error = refused(None, HOME=str(tmp_path))
    assert isinstance(error, UsageError)
    assert (error.code, error.hint) == ("LK501", "name one with --kubeconfig")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "x") in refused(tmp_path / "x").message
    error = refused(None, KUBECONFIG=str(tmp_path / "y"))
    assert (error.code, str(tmp_path / "y") in error.message) == ("LK501", True)


def test_a_context_that_is_not_there_is_named_with_those_that_are(write: Write) -> None:
    error = refused(write("a", "prod", "test"), "production")
    assert isinstance(error, UsageError)
    assert (error.code, error.hint) == ("LK502", "one of: prod, test")
    assert "has no context production" in error.message


def test_no_current_context(write: Write, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text(write("b", "prod").read_text().replace("current-context: prod", "current-context: ''"))
    error = refused(file)
    assert (error.code, error.hint) == ("LK501", "name one with --context: prod")


@pytest.mark.parametrize(
    "content",
    ["{", "just words", "- 1", "clusters: 3", "contexts: [{name: a, context: {}}]\ncurrent-context: a", "\x00", ""],
)
def test_what_is_no_kubeconfig_is_a_usage_error(tmp_path: Path, content: str) -> None:
    file = tmp_path / "a"
    file.write_text(content)
    error = refused(file)
    assert isinstance(error, UsageError)
    assert error.code == "LK501"
    assert error.hint


def test_a_context_whose_cluster_is_missing_is_named(write: Write, tmp_path: Path) -> None:
    content = yaml.safe_load(write("b", "prod").read_text())
    content["clusters"] = []
    file = tmp_path / "a"
    file.write_text(yaml.safe_dump(content))
    assert "nothing is called 'prod'" in refused(file).message


def test_certificates_that_cannot_be_used_are_a_usage_error(write: Write) -> None:
    file = write("a", "prod", **{"certificate-authority": "missing.crt"})
    with pytest.raises(UsageError, match="certificates of context prod cannot be used") as raised:
        open_client(kubeconfig=file, context=None, namespace=None, environment={})
    assert raised.value.code == "LK501"


# --- credentials ------------------------------------------------------------------------------------------------------


def credentials(user: dict[str, Any], *, folder: Path | None = None, reread: dict[str, Any] | None = None) -> Credentials:
    found = msgspec.convert(user, User)
    again = msgspec.convert(reread or user, User)
    return credentials_of(found, reread=lambda: again, folder=folder, environment={"PATH": "/usr/bin"}, cluster={"server": "s"})


def test_a_certificate_needs_no_header() -> None:
    assert credentials({"client-certificate-data": "x"}).header() is None


def test_a_password_is_sent_as_it_should_be() -> None:
    assert credentials({"username": "a", "password": "b"}).header() == "Basic YTpi"


def test_a_token_is_the_files_of_the_moment() -> None:
    found = credentials({"token": "old"}, reread={"token": "new"})
    assert found.header() == "Bearer new"


def test_a_token_file_is_read_anew_when_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    found = credentials({"tokenFile": "token", "token": "stale"}, folder=tmp_path)
    assert found.header() == "Bearer one"
    (tmp_path / "token").write_text("two\n")
    assert found.header() == "Bearer one"
    assert found.renew()
    assert found.header() == "Bearer two"
    assert not found.renew()


def test_a_token_file_that_is_gone_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file") as raised:
        credentials({"tokenFile": "token"}, folder=tmp_path).header()
    assert raised.value.code == "LK501"


def test_an_auth_provider_is_refused() -> None:
    with pytest.raises(UsageError, match="auth-provider") as raised:
        credentials({"auth-provider": {"name": "gcp"}})
    assert raised.value.code == "LK501"


def program(folder: Path, text: str) -> dict[str, Any]:
    """A login program of the cloud, which counts its runs in a file beside it."""
    file = folder / "login"
    file.write_text(
        f"#!{sys.executable} -S\n"
        "import json, os, sys\n"
        f"runs = open({str(folder / 'runs')!r}, 'a+'); runs.write('x'); runs.flush(); runs.seek(0); n = len(runs.read())\n"
        "asked = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        f"{text}\n"
    )
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": "./login", "args": ["a"], "env": [{"name": "ROLE", "value": "r"}]}}


PRINTS = """
status = {'token': f"{os.environ['ROLE']}-{sys.argv[1]}-{asked['apiVersion'][-2:]}-{n}", 'expirationTimestamp': '%s'}
print(json.dumps({'kind': 'ExecCredential', 'apiVersion': asked['apiVersion'], 'status': status}))
"""


def test_a_login_program_is_run_once_until_its_token_expires(tmp_path: Path) -> None:
    found = credentials(program(tmp_path, PRINTS % "2099-01-01T00:00:00Z"), folder=tmp_path)
    assert [found.header(), found.header()] == ["Bearer r-a-v1-1", "Bearer r-a-v1-1"]
    assert found.renew()
    assert found.header() == "Bearer r-a-v1-2"


def test_a_token_that_is_about_to_expire_is_replaced_before(tmp_path: Path) -> None:
    found = credentials(program(tmp_path, PRINTS % "2020-01-01T00:00:00Z"), folder=tmp_path)
    assert [found.header(), found.header()] == ["Bearer r-a-v1-1", "Bearer r-a-v1-2"]


@pytest.mark.parametrize(
    ("text", "kind", "code", "words"),
    [
        ("sys.exit('session has expired')", UnreachableError, "LK505", "ended with 1: session has expired"),
        ("print('hello')", UsageError, "LK501", "prints no credentials"),
        ("print(json.dumps({'status': {}}))", UsageError, "LK501", "gives no token"),
        ("print(json.dumps({'status': {'clientCertificateData': 'x'}}))", UsageError, "LK501", "gives a client certificate"),
    ],
)
def test_a_login_program_that_gives_nothing_is_named(
    tmp_path: Path, text: str, kind: type[LockageError], code: str, words: str
) -> None:
    with pytest.raises(kind, match=r"login program \./login") as raised:
        credentials(program(tmp_path, text), folder=tmp_path).header()
    assert raised.value.code == code
    assert words in raised.value.message


def test_a_login_program_that_is_not_installed_is_named_with_its_own_hint() -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-login", "installHint": "brew install it"}
    with pytest.raises(UsageError, match="no-such-login is not installed") as raised:
        credentials({"exec": plugin}).header()
    assert (raised.value.code, raised.value.hint) == ("LK501", "brew install it")


def test_what_the_login_program_prints_is_json_of_the_cluster(tmp_path: Path) -> None:
    printed = "print(json.dumps({'status': {'token': asked['spec']['cluster']['server']}}))"
    assert credentials(program(tmp_path, printed), folder=tmp_path).header() == "Bearer s"
