"""The user's own arguments: what passes, what is refused and why, what is never shown."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.adapters.helm.arguments import FLAGS, Is, UserArguments, for_template, read_arguments, shown
from lockage.errors import UsageError


def read(*arguments: str) -> UserArguments:
    return read_arguments(arguments, namespace="shop", context="here", kubeconfig=None)


def refusal(*arguments: str) -> str:
    with pytest.raises(UsageError) as refused:
        read(*arguments)
    assert refused.value.code == "LK514"
    return refused.value.message


@pytest.mark.parametrize(
    "arguments",
    [
        ("--atomic",),
        ("--atomic=true",),
        ("--rollback-on-failure",),
        ("--wait",),
        ("--wait=watcher",),
        ("--wait=false",),
        ("--wait-for-jobs",),
        ("--force",),
        ("--force-replace",),
        ("--cleanup-on-fail",),
        ("--install",),
        ("-i",),
        ("-if", "values.yaml"),
        ("--dry-run",),
        ("--dry-run=none",),
        ("--reuse-values",),
        ("--output=json",),
        ("-ojson",),
        ("-h",),
        ("--kube-token=abc",),
        ("--create-namespace",),
    ],
)
def test_what_would_do_harm_is_refused_in_every_spelling(arguments: tuple[str, ...]) -> None:
    assert " is refused: " in refusal(*arguments)


def test_a_refusal_names_the_flag_and_the_reason() -> None:
    assert refusal("-f", "values.yaml", "--atomic") == (
        "helm.arguments: --atomic is refused: it would put old pods over a migrated schema"
    )


def test_a_dangerous_switch_that_is_switched_off_does_no_harm() -> None:
    assert read("--atomic=false", "--force=0").passed == ()


def test_a_flag_that_nobody_has_heard_of_is_refused() -> None:
    assert "--self-destruct is refused: Lockage does not know" in refusal("--self-destruct")
    assert "-z is refused" in refusal("-z")


def test_a_flag_is_not_taken_for_a_value_and_a_value_not_for_a_flag() -> None:
    assert read("--set", "--atomic").passed == ("--set=--atomic",)
    assert "needs a value" in refusal("--set")
    assert "is no flag" in refusal("upgrade")
    assert "is no flag" in refusal("--devel", "false")


@pytest.mark.parametrize(
    "spelling", [("-n", "shop"), ("-nshop",), ("-n=shop",), ("--namespace=shop",), ("--namespace", "shop")]
)
def test_a_place_that_agrees_is_dropped(spelling: tuple[str, ...]) -> None:
    assert read(*spelling).passed == ()


def test_a_place_that_contradicts_ours_is_refused() -> None:
    assert "it says other, and the deployment's description says shop" in refusal("-n", "other")
    assert "it says x, and the deployment's description says nothing" in refusal("--kubeconfig", "x")
    assert read("--kube-context", "here").passed == ()


def test_values_pass_in_their_order_whatever_their_spelling() -> None:
    given_ = read("-fa.yaml", "-f", "b.yaml", "--values=c.yaml", "--set", "a=1", "--set-string=b=2", "--devel", "--qps", "5")
    assert given_.passed == (
        *("--values=a.yaml", "--values=b.yaml", "--values=c.yaml", "--set=a=1", "--set-string=b=2", "--devel=true", "--qps=5"),
    )


def test_standard_input_cannot_be_read_more_than_once() -> None:
    assert "standard input" in refusal("-f", "-")


def test_what_lockage_says_itself_is_taken_out() -> None:
    given_ = read(
        *("--post-renderer", "mine", "--post-renderer-args", "-x", "--post-renderer-args=y"),
        *("--version", "1.2.3", "--description=by me", "--reset-values", "--reset-then-reuse-values", "--force-conflicts"),
    )
    assert given_ == UserArguments(
        reset_values=True,
        description="by me",
        version="1.2.3",
        post_renderer="mine",
        post_renderer_arguments=("-x", "y"),
    )
    assert "one post-renderer" in refusal("--post-renderer=a", "--post-renderer=b")


def test_what_says_where_a_chart_is_fetched_is_known() -> None:
    given_ = read("--repo", "https://charts.test", "--username=me", "--set=a=1", "--plain-http")
    assert given_.fetching == ("--repo=https://charts.test", "--username=me", "--plain-http=true")
    assert (given_.fetched, read("--username=me").fetched) == (True, False)


def test_every_refused_flag_says_why() -> None:
    assert [flag.name for flag in FLAGS.values() if flag.does is Is.REFUSED and not flag.why] == []


@given(st.lists(st.text(max_size=8), max_size=6))
def test_any_words_are_understood_or_refused(words: list[str]) -> None:
    with suppress(UsageError):
        assert all(word.startswith("--") and "=" in word for word in read(*words).passed)


# --- what is shown -------------------------------------------------------------------------------------------------------


def test_harmless_values_are_shown_and_everything_else_is_masked() -> None:
    assert shown(
        [
            *("upgrade", "shop", "--values=/x/y.yaml", "--set=towpath.replicaCount=1,a.password=hunter2,b=true"),
            *("--set-string=towpath.image.tag=2.26.0", "--set=databaseUrl=postgres://u:p@h/d", "--password=hunter2"),
            *(
                '--set-json=a={"x":"y"}',
                "--set-literal=note=some words that may be anything",
                "--repo=https://me:pw@charts.test",
            ),
        ]
    ) == (
        *("upgrade", "shop", "--values=/x/y.yaml", "--set=towpath.replicaCount=1,a.password=******,b=true"),
        *("--set-string=towpath.image.tag=2.26.0", "--set=databaseUrl=******", "--password=******"),
        *("--set-json=a=******", "--set-literal=note=******", "--repo=https://******@charts.test"),
    )


@given(
    st.sampled_from(["--set", "--set-string", "--set-json", "--set-literal", "--set-file"]),
    st.sampled_from(["db.password", "token", "a.b.secretKey", "env.AUTH", "licenseKey"]),
    st.from_regex(r"[a-zA-Z0-9]{8,20}", fullmatch=True),
)
def test_no_secret_under_a_telling_name_is_shown(flag: str, path: str, secret: str) -> None:
    (line,) = shown([f"{flag}={path}={secret}"])
    assert secret not in line or flag == "--set-file"


def test_flags_that_only_an_upgrade_knows_are_left_out_where_a_chart_is_only_rendered() -> None:
    words = ("--reset-values", "-f", "values.yaml", "--history-max", "3", "--set=a=b", "--devel", "--force-conflicts")
    assert for_template(words) == ("--values=values.yaml", "--set=a=b", "--devel=true")
