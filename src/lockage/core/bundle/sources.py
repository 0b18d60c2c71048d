"""What goes into a bundle before anything is masked or cut: one source a file, and how it is written.

Not for masking (``packing``). The surprising thing: sources that are data stay data until they are masked, because the name of
a field says more of its text than the text itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from lockage.core.redaction.records import STATEMENTS, Data, learn_data, masked_data
from lockage.core.redaction.redaction import Redaction
from lockage.core.redaction.schema_dump import masked_schema


class Form(StrEnum):
    """How a source becomes a file."""

    TEXT = "text"  # the newest lines are kept
    SCHEMA = "schema"  # a schema dump
    JSON = "json"
    LINES = "lines"  # one JSON object a line, the newest are kept
    YAML = "yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source. ``data`` of a text or a dump is its text."""

    path: str
    what: str
    form: Form
    data: Data
    limit_bytes: int
    named: bool = True  # False: it speaks of variables, see ``masked_data``
    statements: frozenset[str] = STATEMENTS  # fields that are SQL
    cut: str | None = None  # what was left out already


def learn(source: Source, redaction: Redaction) -> None:
    """Keep in mind what is secret in the source."""
    if isinstance(source.data, str):
        redaction.learn(source.data)
    else:
        learn_data(source.data, redaction, named=source.named, statements=source.statements)


def masked(source: Source, redaction: Redaction) -> Data:
    """The source's data without secrets."""
    match source.form:
        case Form.TEXT:
            return redaction.text(str(source.data))
        case Form.SCHEMA:
            return masked_schema(str(source.data), redaction)
        case Form.JSON | Form.LINES | Form.YAML:
            return masked_data(source.data, redaction, named=source.named, statements=source.statements)


def written(form: Form, data: Data) -> str:
    """The file's text."""
    match form:
        case Form.TEXT | Form.SCHEMA:
            return str(data)
        case Form.JSON:
            return msgspec.json.format(msgspec.json.encode(data), indent=1).decode() + "\n"
        case Form.LINES:
            lines = data if isinstance(data, (list, tuple)) else [data]
            return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)
        case Form.YAML:
            return msgspec.yaml.encode(data).decode()
