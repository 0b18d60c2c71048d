"""Secrets that only their name tells: ``password=…``, ``"apiKey": "…"``, ``--token …``, a variable called ``DB_PASS``.

Not for shapes (``credentials``). The surprising thing: most names with "secret" in them are no secrets (``secretName``,
``secretKeyRef``, ``token_ttl``), and the objects that they name must stay readable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockage.core.redaction.finds import Find, Kind, is_masked, looks_random, lowered

_WORDS = (
    r"password|passwd|passphrase|passcode|pgpass|pwd|(?<![a-z])pass(?![a-z])|secret|token|api[_-]?key|access[_-]?key"
    r"|private[_-]?key|(?:signing|encryption|master|client|account|shared|session|ssh|host|hmac|aes|rsa)[_-]?key(?:-data)?"
    r"|credential|licen[cs]e[_-]?key|(?<![a-z])auth(?![a-z])|(?<![a-z])otp(?![a-z])|(?<![a-z])salt(?![a-z])|jwt"
)
_INNER = r"'(?=[^'\n]*'(?:\s+\w+=|[\"\s]*$))"  # one whose backslash was undone: password='it ' is' dbname=x
_QUOTED = r"\"{3}(?:(?!\"{3})[^\n])+\"{3}|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.|''|" + _INNER + r")*'|`[^`\n]*`"
_AROUND = r"(?:\$|\[|[bBrRuUEN]{1,2}|(?:Some|Just|Secret\w*|Sensitive\w*|Password|String)\()"
"""What languages put before a text: ``b'…'``, ``Some("…")``, ``Secret("…")``."""
_BEFORE = re.compile(rf"{_AROUND}(?=[\"'])")
_NAMED = re.compile(
    rf"""(?ix) (?P<rest> [\w.-]* )
         (?: (?P<end> ["'`\]]{{0,2}} ) [ \t]* (?: => | := | [=:] ) [ \t]*
             (?P<value> [|>][+-]?[0-9]?[ \t]*\n (?:[ \t]+\S[^\n]*\n?)+ | {_AROUND}?(?:{_QUOTED}) | [^\s"'`]+ )
           | [ \t]+ (?P<quoted> E?'(?:[^'\\\n]|\\.|'')*'? )
           | [ \t]+ (?P<given> [^\s"'`-][^\s"'`]* | {_QUOTED} ) )"""
)
_CANDIDATE = re.compile("pass|pwd|secret|token|key|credential|auth|otp|salt|jwt")
_LEFT = re.compile(r"[\w.-]*\Z")
_PAIR = re.compile(
    rf"""(?ix) \bname["']? [ \t]* [:=] [ \t]* ["']? (?P<name> [\w.-]+ ) ["']? \s* ,? \s* (?:-\s*)?
         ["']?\bvalue["']? [ \t]* [:=] [ \t]* (?P<value> {_QUOTED} | [|>][+-]?[ \t]*\n(?:[ \t]+\S[^\n]*\n?)+ | [^\s"',}}]+ )"""
)
_TELLING = re.compile(rf"(?i){_WORDS}")

_NO_SECRET = re.compile(
    r"""(?ix) (?: name | names | ref | refs | keyref | selector | file | path | dir | folder | mount | store | ttl | timeout
         | expiry | expires | expiration | expired | lifetime | duration | max_?age | count | length | size | limit | encryption
         | command | required | enabled | disabled | type | kind | policy | method | mechanism | scheme | provider | issuer
         | audience | url | uri | endpoint | host | port | version | status | state | valid | valid_?until | used | created
         | updated | at | map | exists | optional | format | algorithm | rotation | interval | env | source | resource | class
         | config | scope | scopes | access | manager | engine | prefix | table | index | column | review | request | s )\Z"""
)
"""What a name ends with that speaks of a secret and is none."""

_OBJECTS = re.compile(
    r"(?i)existing[_-]?secret|pull[_-]?secret|secret[_-]?(?:name|ref|key[_-]?ref|store|class|provider)|secrets\Z"
)
_HARMLESS = re.compile(
    r"""(?ix) true | false | null | none | nil | yes | no | on | off | unset | undefined | empty | required | optional
         | \*+ | x{3,} | \.{3} | … | -+ | <[^>]*>? | \(?(?:redacted|hidden|masked|removed|not\ set)\)? | \[redacted\]
         | \$\(\w*\) | \$\{?[A-Za-z_]\w*\}? | \$\d+ | \{\{.*\}\}? | [=:]+ | \{ .* | \[ | \[\] | map\[.* | & .* | \|- | [|>]""",
)
_NUMBERS = re.compile(r"(?i)\d{1,6}(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|kb|mb|gb|ki|mi|gi|b|%)?")


def named_values(text: str) -> Iterator[Find]:
    """Every value whose name says that it is secret."""
    done = 0
    for hit in _CANDIDATE.finditer(lowered(text)):
        if hit.start() >= done and (found := _NAMED.match(text, hit.start())) is not None:
            done = found.end("rest")
            yield from _of_name(text, found)
    for found in _PAIR.finditer(text) if "value" in text else ():
        if is_telling(found["name"]):
            yield from _value(text, *found.span("value"), name=found["name"], sure=True)


def is_telling(name: str) -> bool:
    """Whether a name, of a variable or a key, says that its value is secret."""
    found = list(_TELLING.finditer(name))
    if not found or _OBJECTS.search(name):
        return False
    rest = name[found[-1].end() :]
    return not (rest and _NO_SECRET.search(rest))


def is_harmless(value: str, *, name: str = "password") -> bool:
    """Whether a value is no secret whatever its name says: a reference, a placeholder, a number that counts something."""
    value = value.strip()
    if not value or _HARMLESS.fullmatch(value) or is_masked(value):
        return True
    return not re.search(r"(?i)pass|pwd|otp", name) and _NUMBERS.fullmatch(value) is not None


def _of_name(text: str, found: re.Match[str]) -> Iterator[Find]:
    left = _LEFT.search(text, max(0, found.start() - 64), found.start())
    begin = left.start() if left is not None else found.start()
    name = text[begin : found.end("rest")]
    if found["quoted"] is not None:
        if name.lower() in ("password", "passwd"):  # SQL's own: PASSWORD '…'
            yield from _value(text, *found.span("quoted"), name=name, sure=True)
        return
    if found["given"] is not None:
        if name.startswith("--") and is_telling(name):  # --token …
            yield from _value(text, *found.span("given"), name=name, sure=True)
        return
    if not is_telling(name):
        return
    start, end = found.span("value")
    query = begin > 0 and text[begin - 1] in "?&"
    if not found["end"] and _is_a_sentence(text, name, start, end):
        return
    sure = found["end"] != "" or text[found.end("rest") : start].strip() == "=" or text[start : start + 1] in "\"'"
    yield from _value(text, start, end, name=name, sure=sure, query=query)


def _value(text: str, start: int, end: int, *, name: str, sure: bool, query: bool = False) -> Iterator[Find]:
    value = text[start:end]
    if around := _BEFORE.match(value):
        start, value = start + around.end(), value[around.end() :]
    if value[:3] == '"""' and len(value) > 6:
        start, end, value = start + 2, end - 2, value[2:-2]
    kind = kind_of_name(name)
    if value[:1] in ("|", ">") and "\n" in value:
        start += value.index("\n") + 1
        yield Find(start, end, kind, text[start:end].strip(), True)
        return
    if value[:1] in ("'", '"', "`"):
        closed = len(value) > 1 and value[-1] == value[0]
        start, end = start + 1, end - 1 if closed else end
    elif query:
        end = start + len(re.split(r"[&#]", value, maxsplit=1)[0])
    else:
        end = start + len(value.rstrip(",;)}]"))
    value = text[start:end]
    if is_harmless(value, name=name):
        return
    yield Find(start, end, kind, value, looks_random(value) or (sure and len(value) >= 8))
    # Unquoted, nobody knows whether a comma still belongs to it: the shorter one is looked for elsewhere, too.
    first = re.split(r"[,;&)}\]]", value, maxsplit=1)[0]
    if first != value and looks_random(first):
        yield Find(start, start + len(first), kind, first, True)


def kind_of_name(name: str) -> Kind:
    """What a value of that name is."""
    lower = name.lower()
    if "pass" in lower or "pwd" in lower:
        return Kind.PASSWORD
    if "token" in lower or "jwt" in lower or "otp" in lower or lower == "auth":
        return Kind.TOKEN
    return Kind.KEY if "key" in lower else Kind.SECRET


def _is_a_sentence(text: str, name: str, start: int, end: int) -> bool:
    """Whether it goes on in words: "invalid token: unexpected end"."""
    value = text[start:end]
    return (
        kind_of_name(name) is not Kind.PASSWORD
        and text[start - 1 : start] == " "
        and value.isalpha()
        and value.islower()
        and re.match(r" [a-z]+\b(?![=:])", text[end : end + 20]) is not None
    )
