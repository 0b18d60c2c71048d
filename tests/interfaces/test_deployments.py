"""Which deployment a name means, and what is said when it means none."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockage.errors import LockageError, RefusedError, UsageError
from lockage.interfaces.deployments import (
    Described,
    KubernetesPlace,
    LocalPlace,
    Located,
    Wanted,
    brought_profiles,
    describe,
    find_deployment,
)
from lockage.interfaces.folders import Folders, find_folders

SHOP = """
schema = "lockage.deployments/1"
[deployments.shop]
profile = "towpath"
database_env = "SHOP_URL"
[deployments.shop.platform]
kind = "local"
folder = "state"
"""


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return find_folders({"LOCKAGE_HOME": str(tmp_path / "home")})


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def find(name: str, folders: Folders, here: Path, *, wanted: Wanted | None = None, **environment: str) -> Located:
    return find_deployment(wanted or Wanted(name=name), folders=folders, here=here, environment=environment)


def in_configuration(folders: Folders, text: str) -> None:
    folders.configuration.mkdir(parents=True)
    (folders.configuration / "lockage.toml").write_text(text)


def test_a_deployment_is_found_in_the_file_here(folders: Folders, here: Path) -> None:
    (here / "lockage.toml").write_text(SHOP)
    found = find("shop", folders, here, SHOP_URL="postgres://a:b@db/shop")
    assert (found.name, found.profile and found.profile.name, found.database_url) == (
        "shop",
        "towpath",
        "postgres://a:b@db/shop",
    )
    assert found.platform == LocalPlace(folder=str(here / "state"))


def test_the_file_here_wins_over_that_of_the_user(folders: Folders, here: Path) -> None:
    in_configuration(folders, SHOP.replace("SHOP_URL", "OTHER_URL"))
    environment = {"SHOP_URL": "postgres://here/x", "OTHER_URL": "postgres://user/x"}
    assert find("shop", folders, here, **environment).database_url == "postgres://user/x"
    (here / "lockage.toml").write_text(SHOP)
    assert find("shop", folders, here, **environment).database_url == "postgres://here/x"


def test_a_name_that_the_file_here_lacks_is_looked_for_in_that_of_the_user(folders: Folders, here: Path) -> None:
    (here / "lockage.toml").write_text(SHOP.replace("shop", "other"))
    in_configuration(folders, SHOP)
    assert find("shop", folders, here, SHOP_URL="postgres://x/y").name == "shop"


def test_a_flag_wins_over_the_file(folders: Folders, here: Path) -> None:
    (here / "lockage.toml").write_text(SHOP)
    wanted = Wanted(name="shop", database="postgres://flag/x")
    assert find("shop", folders, here, wanted=wanted).database_url == "postgres://flag/x"


def test_a_profile_lies_beside_the_file_that_names_it(folders: Folders, here: Path) -> None:
    (here / "lockage.toml").write_text(SHOP.replace('"towpath"', '"mine.toml"'))
    (here / "mine.toml").write_text("schema = 'nonsense'")
    with pytest.raises(UsageError, match=r"mine\.toml is not a valid profile") as caught:
        find("shop", folders, here, SHOP_URL="postgres://x/y")
    assert caught.value.code == "LK201"


def test_an_unknown_name_is_answered_with_the_known_ones(folders: Folders, here: Path) -> None:
    (here / "lockage.toml").write_text(SHOP)
    with pytest.raises(UsageError, match="no deployment is called shp; known: demo, shop") as caught:
        find("shp", folders, here)
    assert caught.value.code == "LK002"
    assert caught.value.hint


def test_the_demo_that_is_not_up_is_refused_with_the_command_that_starts_it(folders: Folders, here: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        find("demo", folders, here)
    assert (caught.value.code, caught.value.hint) == ("LK009", "lockage demo up")


def test_what_is_described_is_found_again_and_is_nobody_elses_to_read(folders: Folders, here: Path) -> None:
    file = folders.demo / "lockage.toml"
    place = LocalPlace(folder=str(folders.demo / "deployment"))
    describe(file, {"demo": Described(profile="towpath", platform=place, database="postgres://a:secret@db/x")})
    found = find("demo", folders, here)
    assert (found.database_url, found.platform) == ("postgres://a:secret@db/x", place)
    assert file.stat().st_mode & 0o077 == 0


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match="cannot be written") as caught:
        describe(tmp_path / "file" / "lockage.toml", {})
    assert caught.value.code == "LK008"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "is not valid"),
        (SHOP.replace("deployments/1", "deployments/9"), r"deployments/9"),
        (SHOP.replace("folder", "fodler"), "fodler"),
        (SHOP.replace('"local"', '"mainframe"'), "mainframe"),
        (SHOP.replace('"towpath"', '"unheard-of"'), "brings no profile unheard-of"),
        (SHOP.replace('"towpath"', '"missing.toml"'), r"missing\.toml cannot be read"),
        (SHOP.replace('database_env = "SHOP_URL"', ""), "names no database of shop"),
        (SHOP.replace("SHOP_URL", "NOT_SET"), "NOT_SET, which is not set"),
    ],
)
def test_a_file_with_a_mistake_is_answered_with_file_or_key(text: str, said: str, folders: Folders, here: Path) -> None:
    (here / "lockage.toml").write_text(text)
    with pytest.raises(LockageError, match=said) as caught:
        find("shop", folders, here, SHOP_URL="postgres://x/y")
    assert (caught.value.code, caught.value.exit_code) == ("LK006", 2)
    assert caught.value.hint


# --- Kubernetes -------------------------------------------------------------------------------------------------------

CODER = """
schema = "lockage.deployments/1"
[deployments.coder]
password_command = ["pass", "show", "db"]
[deployments.coder.platform]
kind = "kubernetes"
namespace = "coder"
context = "prod"
kubeconfig = "kube/config"
selector = "app=coder"
reach = "pod"
relay_image = "mirror/lockage:1"
[deployments.coder.platform.helm]
chart = "./charts/coder-{release}.tgz"
arguments = ["-f", "a.yaml,https://example.com/b.yaml", "--values=c.yaml", "--set-file", "x=d.txt", "--set", "e=./f"]
"""


def on_kubernetes(found: Located) -> KubernetesPlace:
    assert isinstance(found.platform, KubernetesPlace)
    return found.platform


def test_a_deployment_on_kubernetes_is_described_with_paths_beside_the_file(folders: Folders, here: Path) -> None:
    (here / "lockage.toml").write_text(CODER)
    found = find("coder", folders, here)
    place = on_kubernetes(found)
    assert (found.profile, found.database_url, found.password_command) == (None, None, ("pass", "show", "db"))
    assert (place.namespace, place.context, place.selector, place.reach) == ("coder", "prod", "app=coder", "pod")
    assert place.kubeconfig == str(here / "kube/config")
    assert place.helm is not None
    assert place.helm.chart == str(here / "charts/coder-{release}.tgz")
    assert place.helm.arguments == (
        "-f", f"{here}/a.yaml,https://example.com/b.yaml", f"--values={here}/c.yaml",
        "--set-file", f"x={here}/d.txt", "--set", "e=./f",
    )  # fmt: skip


@pytest.mark.parametrize("chart", ["coder-v2/coder", "oci://ghcr.io/coder/chart/coder", "/charts/coder"])
def test_a_chart_of_a_repository_is_no_path(folders: Folders, here: Path, chart: str) -> None:
    (here / "lockage.toml").write_text(CODER.replace("./charts/coder-{release}.tgz", chart))
    helm = on_kubernetes(find("coder", folders, here)).helm
    assert helm is not None
    assert helm.chart == chart


def test_flags_win_over_the_file_and_add_to_helms_arguments(folders: Folders, here: Path) -> None:
    (here / "lockage.toml").write_text(CODER)
    wanted = Wanted(
        name="coder", namespace="n", context="c", kubeconfig="k", selector="s=1", reach="direct", relay_image="r",
        chart="x/y", helm_release="rel", helm_program="helm4", helm_arguments=("--set", "a=b"),
    )  # fmt: skip
    place = on_kubernetes(find("coder", folders, here, wanted=wanted))
    assert (place.namespace, place.context, place.kubeconfig, place.selector) == ("n", "c", "k", "s=1")
    assert (place.reach, place.relay_image) == ("direct", "r")
    assert place.helm is not None
    assert (place.helm.chart, place.helm.release, place.helm.program) == ("x/y", "rel", "helm4")
    assert place.helm.arguments[-2:] == ("--set", "a=b")
    assert place.helm.arguments[0] == "-f"


@pytest.mark.parametrize("flag", ["namespace", "context", "kubeconfig", "selector"])
def test_one_flag_that_says_where_is_enough_without_a_file(folders: Folders, here: Path, flag: str) -> None:
    found = find("anything", folders, here, wanted=Wanted(name="anything", **{flag: "x"}))
    assert getattr(on_kubernetes(found), flag) == "x"
    assert found.profile is None


def test_a_profile_alone_does_not_say_where(folders: Folders, here: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find("coder", folders, here, wanted=Wanted(name="coder", profile="towpath"))
    assert caught.value.code == "LK002"
    assert "-n NAMESPACE" in str(caught.value.hint)


def test_a_profile_is_named_or_a_file_from_here(folders: Folders, here: Path) -> None:
    named = find("x", folders, here, wanted=Wanted(name="x", namespace="n", profile=Path("towpath")))
    assert named.profile is not None
    assert named.profile.name == "towpath"
    with pytest.raises(UsageError, match=rf"{here}/mine\.toml cannot be read"):
        find("x", folders, here, wanted=Wanted(name="x", namespace="n", profile="mine.toml"))


def test_flags_of_kubernetes_are_refused_for_the_local_platform(folders: Folders, here: Path) -> None:
    (here / "lockage.toml").write_text(SHOP)
    with pytest.raises(
        UsageError, match="shop is on the local platform, and --namespace, --chart are for Kubernetes"
    ) as caught:
        find("shop", folders, here, wanted=Wanted(name="shop", namespace="n", chart="c"), SHOP_URL="postgres://x/y")
    assert caught.value.code == "LK003"


def test_helms_arguments_without_a_chart_say_nothing(folders: Folders, here: Path) -> None:
    wanted = Wanted(name="x", namespace="n", helm_release="r", helm_arguments=("--set", "a=b"))
    with pytest.raises(UsageError, match="--helm-release and arguments after -- of Helm say nothing without a chart") as caught:
        find("x", folders, here, wanted=wanted)
    assert (caught.value.code, caught.value.hint) == ("LK003", "give --chart CHART, or platform.helm.chart in lockage.toml")


def test_a_platform_without_a_kind_is_local_as_files_were_before_there_was_another(folders: Folders, here: Path) -> None:
    (here / "lockage.toml").write_text(SHOP.replace('kind = "local"', ""))
    assert find("shop", folders, here, SHOP_URL="postgres://x/y").platform == LocalPlace(folder=str(here / "state"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CODER.replace("namespace", "namespaec"), "namespaec"),
        (CODER.replace('"pod"', '"bus"'), r"Invalid enum value 'bus'.*\.reach"),
        (CODER.replace('kind = "kubernetes"', ""), "namespace"),
        (SHOP.replace('profile = "towpath"', ""), "names no profile of shop"),
        ("deployments = 7", "is not valid"),
    ],
)
def test_a_mistake_about_kubernetes_is_answered_with_the_key(text: str, said: str, folders: Folders, here: Path) -> None:
    (here / "lockage.toml").write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        find("coder" if "coder" in text else "shop", folders, here, SHOP_URL="postgres://x/y")
    assert caught.value.code == "LK006"


def test_every_profile_that_lockage_brings_is_valid() -> None:
    assert "towpath" in {profile.name for profile in brought_profiles()}


def test_a_home_moves_all_three_folders(tmp_path: Path) -> None:
    folders = find_folders({"LOCKAGE_HOME": str(tmp_path)})
    for folder in (folders.configuration, folders.state, folders.cache, folders.runs, folders.logs, folders.demo):
        assert folder.is_relative_to(tmp_path)


def test_a_relative_home_does_not_move_with_the_working_folder() -> None:
    assert find_folders({"LOCKAGE_HOME": "here"}).state.is_absolute()


def test_without_a_home_the_systems_folders_are_used() -> None:
    assert find_folders({}).state != find_folders({"LOCKAGE_HOME": "x"}).state
    assert find_folders({"LOCKAGE_HOME": " "}) == find_folders({})
