"""Secrets that show by their own shape: keys in PEM, JWTs, addresses with a password, headers, tokens of well-known makers.

Not for what only its name tells (``named``). The surprising thing: an image with a digest (``image:tag@sha256:…``) has the
shape of an address with a password, and release versions and digests must stay readable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lockage.core.redaction.finds import Find, Kind, looks_random

_PEM = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:(?!-----BEGIN)[\s\S]){0,20000}?"
    r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
)
# What a log was cut through: a beginning without an end, an end without a beginning.
_PEM_BEGINS = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s*[A-Za-z0-9+/=]{8,}(?=\s|$))*")
_PEM_END = re.compile(r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
_PEM_REST = re.compile(r"(?:[A-Za-z0-9+/=]{16,}\s+)*[A-Za-z0-9+/=]*\s*\Z")
_PEM_LENGTH = 4096  # letters of a large key, as far back as an end may have its lines
_PEM_LINE = re.compile(r"[A-Za-z0-9+/=]{24,}")

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*")

_PORT = r"(?!\d{1,5}(?:[\"'`/?#,;)\]}>\s\\]|$))"
# A password may hold an @ itself, so everything up to the last one before the path goes.
_URL = re.compile(rf"(:/{{1,2}}[^\s:/@]*):{_PORT}(?P<value>[^\s/]*)@")
_URL_WITH_SLASH = re.compile(rf"(://[^\s:/@\"']*):{_PORT}(?P<value>[^\s\"'<>@]*/[^\s\"'<>@]*)@")
_URL_TOKEN = re.compile(r"(?:https?|git|ssh|redis|amqp)://(?P<value>[^\s:/@\"']{16,})@")
_BARE = re.compile(
    r"(?<![\w./:+-])\w[\w.-]*:(?P<value>[^\s:@/\"'<>(){}\[\],]{3,})@(?!sha\d)(?=[\w-]+(?:\.[\w.-]+|:\d+|/)|tcp\(|unix\()"
)

_SCHEME = re.compile(r"(?i)\b(?:bearer|basic|negotiate|digest|apikey|token)[ \t]+(?P<value>[\w.~+/=-]{6,})")
_HEADER = re.compile(
    r"(?i)\b(?P<name>(?:proxy-)?authorization|(?:set-)?cookie2?|x-[\w-]*(?:token|auth|api-?key|secret)[\w-]*)"
    r"[\"']?[ \t]*[:=][ \t]*(?P<value>\[[^\]\n]*\]|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
    r"|(?:(?!\\*[\"'][ \t]*(?:[,}\])]|$)|\\n)[^\n])+)",
    re.MULTILINE,
)
_HEADER_VALUES = re.compile(r"[^\s;,=\"'\[\]]{6,}")

_MADE: tuple[tuple[Kind, tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (kind, hints, re.compile(pattern))
    for kind, hints, pattern in (
        (Kind.KEY, ("AKIA", "ASIA", "AROA", "AIDA"), r"\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b"),  # AWS
        (Kind.TOKEN, ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_[A-Za-z0-9]{16,}"),
        (
            Kind.TOKEN,
            ("github_pat_", "glpat-", "glptt-", "gldt-", "glrt-"),
            r"\b(?:github_pat_|gl(?:pat|ptt|dt|rt)-)[\w-]{16,}",
        ),
        (Kind.TOKEN, ("xox",), r"\bxox[abeoprs]-[\w-]{10,}"),
        (Kind.TOKEN, ("ya29.", "hvs.", "hvb.", "hvr.", "dop_v1_"), r"\b(?:ya29\.|hv[sbr]\.|dop_v1_)[\w-]{20,}"),
        (Kind.KEY, ("AIza",), r"\bAIza[\w-]{35}"),
        (Kind.KEY, ("k_live_", "k_test_"), r"\b[srp]k_(?:live|test)_\w{16,}"),
        (Kind.KEY, ("sk-", "npm_", "dckr_pat_", "pypi-"), r"\b(?:sk-|npm_|dckr_pat_|pypi-)[\w-]{20,}"),
        (Kind.TOKEN, ("hooks.slack.com/",), r"(?<=hooks\.slack\.com/)(?:services|workflows)/[\w/-]{16,}"),
        (Kind.TOKEN, ("/api/webhooks/",), r"(?<=/api/webhooks/)\d{6,}/[\w-]{16,}"),  # Discord
        (Kind.TOKEN, (":AA",), r"(?<!\d)\d{8,10}:AA[\w-]{30,}"),  # Telegram
        (Kind.KEY, ("whsec_", "hf_", "glsa_", "lin_api_"), r"\b(?:whsec_|hf_|glsa_|lin_api_)\w{16,}"),
        (Kind.TOKEN, ("shpat_", "shpca_", "shppa_", "shpss_"), r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
        (Kind.TOKEN, ("ATATT3", "ATCTT3"), r"\bAT[AC]TT3[\w=-]{20,}"),  # Atlassian
        (Kind.KEY, ("dapi", "NRAK-", "xapp-"), r"\b(?:dapi[0-9a-f]{32}|NRAK-\w{20,}|xapp-\d-[\w-]{10,})"),
        (Kind.KEY, ("SG.",), r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
        (Kind.KEY, ("AGE-SECRET-KEY",), r"\bAGE-SECRET-KEY-1[0-9A-Z]{40,}"),
        (Kind.KEY, ("key-",), r"\bkey-[0-9a-f]{32}\b"),
        (Kind.TOKEN, ("-",), r"(?<![A-Za-z0-9])[A-Za-z0-9]{10}-[A-Za-z0-9]{22}(?![A-Za-z0-9])"),  # Coder's sessions
        (
            Kind.KEY,
            ("sig=", "Signature=", "Security-Token="),
            r"(?<=[?&;])(?:sig|X-\w+-(?:Signature|Security-Token))=[^\s&\"']{8,}",
        ),
        (Kind.HASH, ("SCRAM-SHA",), r"SCRAM-SHA-(?:1|256)\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+"),
        (Kind.HASH, ("md5",), r"\bmd5[0-9a-f]{32}\b"),
        (Kind.HASH, ("$",), r"\$(?:2[abxy]?|argon2(?:id?|d)|[156y]|pbkdf2[\w-]*|scrypt)\$[\w$./,=+-]{16,}"),
        (Kind.HASH, ("pbkdf2_sha",), r"\bpbkdf2_sha\d+\$\d+\$[\w$./=+-]{16,}"),
    )
)
"""Tokens, keys and hashes of well-known makers; a text with none of the hints needs no look."""

_OPAQUE = re.compile(
    r"(?<![\w+/-])[A-Za-z0-9_+-]{32,}={0,2}(?![\w+/])"
    r"(?!(?:\.\w{1,12}){0,3}\.(?:sql|fizz|go|java|kt|py|rb|ts|js)\b)"  # a migration's file, and no token
)


def credentials(text: str) -> Iterator[Find]:
    """Every secret that shows by its shape."""
    for search, sign in _SEARCHES:
        if sign in text:
            yield from search(text)
    for kind, hints, pattern in _MADE:
        for found in pattern.finditer(text) if any(hint in text for hint in hints) else ():
            yield Find(found.start(), found.end(), kind, found[0], True)
    yield from _schemes(text)
    yield from _headers(text)
    yield from _opaque(text)


def _pems(text: str) -> Iterator[Find]:
    for start, end in _pem_spans(text):
        yield Find(start, end, Kind.PRIVATE_KEY, text[start:end])
        for line in _PEM_LINE.finditer(text, start, end):
            yield Find(line.start(), line.end(), Kind.PRIVATE_KEY, line[0], True)


def _pem_spans(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (_PEM, _PEM_BEGINS):
        for found in pattern.finditer(text):
            yield found.span()
    for found in _PEM_END.finditer(text):
        begin = max(0, found.start() - _PEM_LENGTH)
        rest = _PEM_REST.search(text[begin : found.start()])
        if rest is not None:
            yield begin + rest.start(), found.end()


def _jwts(text: str) -> Iterator[Find]:
    for found in _JWT.finditer(text):
        yield Find(found.start(), found.end(), Kind.JWT, found[0], True)


def _urls(text: str) -> Iterator[Find]:
    for pattern in (_URL, _URL_WITH_SLASH, _URL_TOKEN):
        for found in pattern.finditer(text):
            value = found["value"]
            if value:
                yield Find(*found.span("value"), Kind.PASSWORD, value, looks_random(value) or len(value) >= 8)


def _bare(text: str) -> Iterator[Find]:
    for found in _BARE.finditer(text):
        value = found["value"]
        if not value.isdigit():
            yield Find(*found.span("value"), Kind.PASSWORD, value, looks_random(value))


_SEARCHES: tuple[tuple[Callable[[str], Iterator[Find]], str], ...] = (
    (_pems, "PRIVATE KEY"),
    (_jwts, "eyJ"),
    (_urls, "@"),
    (_bare, "@"),
)


def _schemes(text: str) -> Iterator[Find]:
    for found in _SCHEME.finditer(text):
        value = found["value"]
        # "Basic authentication", "bearer tokens", "token expired" are words.
        if value.strip(".").isalpha() and len(value) < 20 and (value.islower() or value.istitle() or value.isupper()):
            continue
        if found[0][:5].lower() == "token" and not (len(value) >= 12 and any(map(str.isdigit, value))):
            continue
        yield Find(*found.span("value"), Kind.TOKEN, value, looks_random(value) and len(value) >= 8)


def _headers(text: str) -> Iterator[Find]:
    for found in _HEADER.finditer(text):
        start, end = found.span("value")
        value = found["value"]
        kind = Kind.COOKIE if "cookie" in found["name"].lower() else Kind.TOKEN
        if value[:1] in "\"'[" and value[-1:] in "\"']" and len(value) > 1:
            start, end = start + 1, end - 1
        if not text[start:end].strip():
            continue
        if kind is Kind.TOKEN and (
            scheme := re.match(r"(?i)(?:bearer|basic|negotiate|digest|token|apikey)[ \t]+", text[start:end])
        ):
            start += scheme.end()  # the scheme may be read
        rest = text[start:end].rstrip()
        yield Find(start, start + len(rest), kind, rest)
        for one in _HEADER_VALUES.finditer(text, start, end):
            if looks_random(one[0]) and len(one[0]) >= 8:
                yield Find(*one.span(), kind, one[0], True)


def _opaque(text: str) -> Iterator[Find]:
    for found in _OPAQUE.finditer(text):
        value = found[0]
        digits, lower, upper = (sum(map(of, value)) for of in (str.isdigit, str.islower, str.isupper))
        if min(digits, lower, upper) >= 3:
            yield Find(found.start(), found.end(), Kind.TOKEN, value)
