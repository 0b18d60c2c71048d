"""What a process names itself as the reason why it does not start: a licence, a setting, PostgreSQL's version, a parameter.

Part of family ``configuration``. The surprising thing: its last words are all there is, and they are believed only where it
ended by itself and complains of nothing that another rule knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockage.core.diagnosis.findings import Case, Finding, Rule
from lockage.core.diagnosis.last_words import last_words
from lockage.core.diagnosis.present import endings, kubectl, log_exhibit, log_of_ending, noun, pods, state_line
from lockage.core.diagnosis.typed import lockage
from lockage.core.diagnosis.voices import voices

_LICENCE = re.compile(r"(?i)\blicen[sc]e\b.{0,80}?\b(?:expired|invalid|missing|required|not (?:found|valid)|exceeded)|"
                      r"\b(?:expired|invalid|missing|no valid|required) licen[sc]e\b")  # fmt: skip
_SETTING = re.compile(
    r"(?i)\benv(?:ironment)? ?var(?:iable)?s?\b.{0,60}?"
    r"\b(?:not set|not found|missing|required|must be|invalid|empty|undefined)|"
    r"\b(?:missing|required|invalid|unknown|undefined|unset) (?:required )?"
    r"(?:env(?:ironment)? ?var(?:iable)?s?|configuration|config|settings?|option|flag|parameter|key)\b|"
    r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+\b.{0,40}?"
    r"(?:is not set|not set|must be|is required|must not be empty|is missing|is invalid|is not a valid)|"
    r"\b(?:setting|configuration|config(?:uration)? file|flag|option)\b.{0,60}?"
    r"\b(?:is required|is missing|not found|invalid|must (?:not )?be|no longer supported|has been removed)|"
    r"unknown (?:flag|option|field|key)|unrecognized (?:arguments|option)|ImproperlyConfigured|KeyError: '[A-Z][A-Z0-9_]+'|"
    r"failed to (?:load|parse|read) (?:the )?config"
)


_VERSION = re.compile(
    r"(?i)\bpostgres(?:ql)?\b.{0,40}?(?:or (?:later|newer|higher|above) is required|is (?:not|no longer) supported|is too old|"
    r"requirements? (?:are )?not met)|"
    r"\b(?:requires?|unsupported|at least)\b.{0,20}?\bpostgres(?:ql)?(?: server)?(?: version)?\b.{0,20}?\d"
)
"""Another version of PostgreSQL than the server's. Source: Django, Mattermost, GitLab, Metabase and others."""

_PARAMETER = re.compile(r'invalid value for parameter "|unrecognized configuration parameter "')
"""What the server does not take of a client at its login. Source: PostgreSQL 18, utils/misc/guc.c."""

_OF_A_LOGIN = re.compile(r'failed to connect|parameter \\?"\+?(?:TimeZone|DateStyle|client_encoding)\b')
"""What shows that a parameter was one of a login: no migration sets these."""


def refuses_a_parameter(case: Case) -> Iterator[Finding]:
    """F025: a login sets a parameter, such as a time zone, that this server does not know."""
    for voice in voices(case):
        complaint = voice.complaint
        if not _PARAMETER.search(complaint.message):
            continue
        if complaint.fatal or not voice.migrates or _OF_A_LOGIN.search(complaint.raw):
            yield Finding(
                code="F025",
                cause=f"{noun(case)} {voice.detail.name} sets a parameter at its login that the server does not take: "
                f"{complaint.message}",
                confidence=0.85,
                why="the server's own words stand in the replica's log",
                evidence=(voice.exhibit,),
                next=kubectl(case, "set", "env", f"deployment/{case.evidence.deployment}", "--list"),
                avoid="do not change the server before it is known who sets it: the URL's options, the driver, TZ or PGTZ",
                rules_out=("F010", "F012"),
                about=pods(voice.detail.name),
            )


def names_a_setting(case: Case) -> Iterator[Finding]:
    """F025: a process ends, and names a licence, a setting or PostgreSQL's version as the reason itself."""
    complaining = {voice.detail.name for voice in voices(case)}
    for ending in endings(case):
        if ending.kill is not None or ending.state.exit_code in {None, 0} or ending.detail.name in complaining:
            continue
        log = log_of_ending(case, ending)
        line = last_words(log) if log is not None else None
        if log is None or line is None:
            continue
        kinds = (("a licence", _LICENCE), ("the version of PostgreSQL", _VERSION), ("a setting", _SETTING))
        what = next((kind for kind, words in kinds if words.search(line.text)), None)
        if what is None:
            continue
        yield Finding(
            code="F025",
            cause=f"{noun(case)} {ending.detail.name} does not start, and names {what} itself: {line.text.strip()[:200]}",
            confidence=0.8,
            why="these are its own last words; whether they are the whole reason only its vendor knows",
            evidence=(log_exhibit(log, line.raw), state_line(ending.detail, ending.container, ending.state)),
            next=lockage(case, "survey")
            if what == "the version of PostgreSQL"
            else kubectl(case, "set", "env", f"deployment/{case.evidence.deployment}", "--list"),
            avoid="do not go back to the old image for this before the ledger was looked at: the schema may have moved",
            rules_out=("F010",),
            about=pods(ending.detail.name),
        )


RULES: tuple[Rule, ...] = (refuses_a_parameter, names_a_setting)
