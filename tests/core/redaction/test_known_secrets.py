"""A secret that is known is found however it is written, and the same one is the same token everywhere."""

from __future__ import annotations

import base64
import html
import json
import re
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lockage.core.redaction.finds import TOKEN, Kind
from lockage.core.redaction.known import FEW, PART, KnownSecrets
from lockage.core.redaction.layers import Layer
from lockage.core.redaction.redaction import Redaction

SECRET = "kanarie%/\"vogel\\ 'x&y+<z>ü9"
KEY = b"a key for these tests"


def base64_at(offset: int) -> Callable[[str], str]:
    return lambda secret: base64.b64encode(b"x" * offset + secret.encode() + b" and more").decode()


def partly_percent(secret: str) -> str:
    return "".join(quote(letter, safe="") if index % 3 == 0 else letter for index, letter in enumerate(secret))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": lambda s: json.dumps({"m": s}),
    "JSON, not ASCII": lambda s: json.dumps({"m": s}, ensure_ascii=False),
    "JSON in JSON": lambda s: json.dumps({"m": json.dumps({"m": s})}),
    "JSON in JSON in JSON": lambda s: json.dumps(json.dumps(json.dumps({"m": s}))),
    "JSON of Go": lambda s: json.dumps(s).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
    "JSON with slashes escaped": lambda s: json.dumps(s).replace("/", "\\/"),
    "URL": lambda s: quote(s, safe=""),
    "URL, small letters": lambda s: re.sub("%..", lambda found: found[0].lower(), quote(s, safe="")),
    "URL twice": lambda s: quote(quote(s, safe=""), safe=""),
    "URL with slashes": quote,
    "URL in JSON": lambda s: json.dumps({"u": f"https://x/?q={quote(s, safe='')}"}),
    "JSON in URL": lambda s: quote(json.dumps({"m": s})),
    "SQL": lambda s: "SELECT '" + s.replace("'", "''") + "'",
    "SQL in JSON": lambda s: json.dumps({"q": "SELECT '" + s.replace("'", "''") + "'"}),
    "HTML": html.escape,
    "Python": repr,
    "hexadecimal": lambda s: s.encode().hex(),
    "bytea": lambda s: "\\x" + s.encode().hex().upper(),
    "base64": base64_at(0),
    "base64, one on": base64_at(1),
    "base64, two on": base64_at(2),
    "base64 for URLs": lambda s: base64.urlsafe_b64encode(f"ÿÿ?{s}".encode()).decode().rstrip("="),
    "base64, folded": lambda s: base64.encodebytes(b"x" * 70 + s.encode() + b"y" * 70).decode(),
    "base64, folded, in JSON": lambda s: json.dumps(base64.encodebytes(b"x" * 70 + s.encode() + b"y" * 70).decode()),
    "base64 in JSON": lambda s: json.dumps({"data": base64_at(1)(s)}),
    "base64 in base64": lambda s: base64.b64encode(base64_at(1)(s).encode()).decode(),
    "partly percent": partly_percent,
}


def redaction(*secrets: str) -> Redaction:
    return Redaction(key=KEY, known=dict.fromkeys(secrets, Kind.SECRET))


@pytest.mark.parametrize("encoded", ENCODINGS.values(), ids=ENCODINGS.keys())
@pytest.mark.parametrize("secret", ["kanarie-vogel-9", SECRET, "ABCDEFGHIJ0123456789", "zwölf Fässer"])
def test_a_known_secret_does_not_survive_in_any_encoding(secret: str, encoded: Callable[[str], str]) -> None:
    text = f"2026-11-22 12:00:01 INFO before {encoded(secret)} after\nnext line"
    masked = redaction(secret).text(text)
    assert TOKEN.search(masked) is not None
    assert encoded(secret) not in masked
    for part in (secret[:8], secret[-8:]):
        assert part not in masked
        assert encoded(part) not in masked
    assert masked.startswith("2026-11-22 12:00:01 INFO before ")


@pytest.mark.parametrize("name", ["as it is", "JSON", "URL", "JSON in JSON", "SQL", "URL twice"])
def test_the_same_secret_becomes_the_same_token(name: str) -> None:
    seen = redaction(SECRET)
    tokens = {found[0] for found in TOKEN.finditer(seen.text(f"a {ENCODINGS[name](SECRET)} b {SECRET} c"))}
    assert len(tokens - {"[value]"}) == 1


def test_another_bundle_has_other_tokens() -> None:
    here, there = (Redaction(key=key, known={SECRET: Kind.PASSWORD}).text(SECRET) for key in (b"1", b"2"))
    assert here != there
    assert re.fullmatch(r"\[password-[0-9a-f]{6}\]", here)


def test_different_secrets_have_different_tokens() -> None:
    masked = redaction("kanarie-1", "kanarie-2").text("kanarie-1 kanarie-2").split()
    assert len(set(masked)) == 2


def test_a_secret_that_stands_beside_its_name_goes_from_every_other_text() -> None:
    seen = Redaction(key=KEY)
    seen.learn("DB_PASSWORD=kanarie77 ./serve")
    masked = seen.text("login with kanarie77 refused")
    assert masked == f"login with {seen.text('kanarie77')} refused"
    assert masked.startswith("login with [password-")


def test_a_password_that_is_an_ordinary_word_goes_only_from_where_its_place_tells() -> None:
    seen = Redaction(key=KEY, known={"shop": Kind.PASSWORD}, public=("shop",))
    masked = seen.text("deployment shop in namespace shop, postgres://shop:shop@db/shop")
    assert masked.startswith("deployment shop in namespace shop, postgres://shop:[password-")
    assert masked.endswith("]@db/shop")
    assert seen.hidden_only_in_place == 1


def test_a_key_that_is_logged_line_by_line_goes() -> None:
    body = [base64.b64encode(bytes([n]) * 48).decode() for n in range(5)]
    pem = "\n".join(("-----BEGIN PRIVATE KEY-----", *body, "-----END PRIVATE KEY-----"))
    masked = redaction(pem).text("\n".join(f"12:00:0{n} key: {line}" for n, line in enumerate(pem.splitlines())))
    assert not any(line in masked for line in body)


WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=8, max_size=30)


@settings(max_examples=1500, deadline=None)
@given(secret=WORDS.filter(lambda s: len(s.strip()) >= 8 and not s.isdigit()), name=st.sampled_from(sorted(ENCODINGS)))
@example(secret="00000000a", name="base64, two on")
def test_no_secret_survives_anywhere(secret: str, name: str) -> None:
    seen = redaction(secret)
    if not seen.seen:
        return
    masked = seen.text(f"before | {ENCODINGS[name](secret)} | after")
    assert secret not in masked
    assert json.dumps(secret)[1:-1] not in masked
    assert "[" in masked


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200), secret=WORDS)
def test_masking_twice_changes_nothing_more(text: str, secret: str) -> None:
    seen = redaction(secret)
    once = seen.text(f"{text} {secret} {text} password={secret}")
    assert seen.text(once) == once


MANY = {f"{word}{number:x}": Kind.SECRET for number in range(0x1000, 0x1000 + FEW) for word in ("tide-", "Zürich ", "k/Q_")}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_among_many_secrets_one_is_found_as_it_is_alone(encoding: str) -> None:
    for around in ("{}", "a {} b", "- " * (PART // 2 - 4) + "{} and more", "." * (PART - 1) + "{}"):
        text = around.replace("{}", ENCODINGS[encoding](SECRET))
        alone = Redaction(key=KEY, known={SECRET: Kind.PASSWORD}).text(text)
        assert Redaction(key=KEY, known={SECRET: Kind.PASSWORD, **MANY}).text(text) == alone
        assert alone != text


def test_twenty_thousand_secrets_in_as_many_lines_are_found_in_seconds() -> None:
    secrets = [f"{number * 2_654_435_761 % 2**32:08x}{number:012x}" for number in range(20_000)]
    search = KnownSecrets(dict.fromkeys(secrets, Kind.TOKEN), public=())
    begun_s = time.process_time()
    for part in range(0, 20_000, 1000):
        text = "\n".join(f"GET /x?token={secret}" for secret in secrets[part : part + 1000])
        assert len(list(search.finds(Layer(text)))) == 1000
    assert time.process_time() - begun_s < 10.0
