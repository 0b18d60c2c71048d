"""No secret survives the mask, and the mask leaves the rest readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.redaction import mask_secrets

SECRETS = st.text(
    alphabet=st.characters(
        codec="utf-8", exclude_characters="/'\"&;,)} \t\n\r\f\v\x1c\x1d\x1e\x1f\x85", exclude_categories=("Z", "C")
    ),
    min_size=8,
    max_size=40,
)


@given(secret=SECRETS)
def test_a_password_in_a_url_does_not_survive(secret: str) -> None:
    masked = mask_secrets(f"cannot connect to postgres://app:{secret}@db.example:5432/shop now")
    assert masked == "cannot connect to postgres://app:***@db.example:5432/shop now"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("host=db password=hunter2 user=app", "host=db password=*** user=app"),
        ("password='it is \\' long' user=app", "password='***' user=app"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=*** psql"),
        (
            "postgres://db/shop?user=a&password=hunter2&sslmode=require",
            "postgres://db/shop?user=a&password=***&sslmode=require",
        ),
        ('{"api_key": "abc123", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("Authorization: Bearer abc.def.ghi", "Authorization: Bearer ***"),
        ("Towpath-Session-Token: abcdef", "Towpath-Session-Token: ***"),
        ("ALTER ROLE app PASSWORD 'hunter2'", "ALTER ROLE app PASSWORD '***'"),
    ],
)
def test_secrets_of_every_shape_are_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM api_keys WHERE expires_at < now()",
        "postgres://app@db.example:5432/shop",
        "http://127.0.0.1:8080/healthz answers 200",
        "AccessExclusiveLock on public.api_keys",
        'error LK122: the database refuses the password of role "app" at db:5432',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask_secrets(text) == text


@given(text=st.text(max_size=200))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    once = mask_secrets(text)
    assert mask_secrets(once) == once
