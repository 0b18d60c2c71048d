"""The SQL that makes one object of a catalog as it should be.

Not for deciding whether to execute it. The surprising thing: what locks a table for long has a gentler form where PostgreSQL
has one (``CONCURRENTLY``, ``NOT VALID`` and ``VALIDATE`` behind it), because a repair is made while users work.
"""

from __future__ import annotations

import re

from lockage.core.catalog.objects import KINDS, Catalog, CatalogObject, Key

Statements = tuple[str, ...]


def make(one: CatalogObject, catalog: Catalog) -> Statements:
    """The statements that make an object, with all that belongs to it."""
    key = one.key
    match key.kind:
        case "table":
            return _make_table(one, catalog)
        case "column":
            return (f"ALTER TABLE {key.relation} ADD COLUMN {_column(one)}",)
        case "index":
            return (_gently(one.definition),)
        case "constraint":
            return _add_constraint(one)
        case _:
            return (one.definition,)


def drop(one: CatalogObject) -> Statements:  # noqa: PLR0911 - an arm a kind, no other logic
    """The statement that ends an object."""
    key = one.key
    match key.kind:
        case "column":
            return (f"ALTER TABLE {key.relation} DROP COLUMN {key.name}",)
        case "constraint":
            return (f"ALTER TABLE {key.relation} DROP CONSTRAINT {key.name}",)
        case "trigger":
            return (f"DROP TRIGGER {key.name} ON {key.relation}",)
        case "index":
            return (drop_index(key.name),)
        case "enum":
            return (f"DROP TYPE {key.name}",)
        case "view" if one.traits.get("kind") == "materialized":
            return (f"DROP MATERIALIZED VIEW {key.name}",)
        case "function":
            return (f"DROP {one.traits.get('kind', 'function').upper()} {key.name}",)
        case _:
            return (f"DROP {key.kind.upper()} {key.name}",)


def rename(old: Key, new: Key) -> str:
    """The statement that gives an index or a constraint its name."""
    if old.kind == "constraint":
        return f"ALTER TABLE {old.relation} RENAME CONSTRAINT {old.name} TO {new.name}"
    return f"ALTER INDEX {old.name} RENAME TO {new.name.rpartition('.')[2]}"


def change(expected: CatalogObject, actual: CatalogObject, trait: str) -> Statements:  # noqa: C901, PLR0911 - an arm a kind
    """The statements that make one trait as it should be; none where no statement does it."""
    key = actual.key
    match key.kind:
        case "column":
            return _change_column(expected, actual, trait)
        case "index":
            return (reindex(key.name),) if trait == "validity" else (*drop(actual), *make(expected, {}))
        case "constraint":
            if trait == "validity":
                return (f"ALTER TABLE {key.relation} VALIDATE CONSTRAINT {key.name}",)
            return (*drop(actual), *make(expected, {}))
        case "trigger":
            if trait == "state":
                word = {"disabled": "DISABLE", "always": "ENABLE ALWAYS", "replica": "ENABLE REPLICA"}
                return (f"ALTER TABLE {key.relation} {word.get(expected.traits['state'], 'ENABLE')} TRIGGER {key.name}",)
            return (*drop(actual), *make(expected, {}))
        case "function":
            return (expected.definition,)
        case "view":
            # A view may be replaced by one that has more columns at its end, and by no other.
            same_head = expected.values[: len(actual.values)] == actual.values
            replaces = expected.traits.get("kind") == actual.traits.get("kind") == "view" and same_head
            return (expected.definition,) if replaces else (*drop(actual), expected.definition)
        case "sequence":
            return (_change_sequence(expected, trait),)
        case "table" if trait == "persistence":
            return (f"ALTER TABLE {key.name} SET {expected.traits[trait].upper()}",)
        case _:
            return ()


def add_value(enum: Key, value: str, *, after: str | None) -> str:
    """The statement that gives an enum a value."""
    place = f" AFTER {_literal(after)}" if after is not None else ""
    return f"ALTER TYPE {enum.name} ADD VALUE IF NOT EXISTS {_literal(value)}{place}"


def reindex(name: str) -> str:
    """The statement that builds an index anew while everybody works."""
    return f"REINDEX INDEX CONCURRENTLY {name}"


def drop_index(name: str) -> str:
    """The statement that ends an index while everybody works."""
    return f"DROP INDEX CONCURRENTLY IF EXISTS {name}"


def refuses_transaction(statement: str) -> bool:
    """Whether a statement of a repair cannot stand inside a transaction."""
    return bool(
        re.match(r"\s*(?:CREATE (?:UNIQUE )?INDEX CONCURRENTLY|DROP INDEX CONCURRENTLY|REINDEX .*CONCURRENTLY)", statement)
    )


def _make_table(one: CatalogObject, catalog: Catalog) -> Statements:
    parts = sorted(
        (each for key, each in catalog.items() if key.relation == one.key.name and key.kind not in ("table", "view")),
        key=lambda each: KINDS.index(each.key.kind),
    )
    columns = ", ".join(_column(part) for part in parts if part.key.kind == "column")
    kind = "UNLOGGED TABLE" if one.traits.get("persistence") == "unlogged" else "TABLE"
    partitioned = f" PARTITION BY {one.traits['partitioned by']}" if "partitioned by" in one.traits else ""
    rest = [part.definition for part in parts if part.key.kind != "column"]
    return (f"CREATE {kind} {one.key.name} ({columns}){partitioned}", *rest)


def _column(one: CatalogObject) -> str:
    traits = one.traits
    said = [one.key.name, traits["type"]]
    if "generated" in traits:
        said.append(f"GENERATED ALWAYS AS ({traits['generated']}) STORED")
    elif "identity" in traits:
        said.append(f"GENERATED {traits['identity'].upper()} AS IDENTITY")
    elif "default" in traits:
        said.append(f"DEFAULT {traits['default']}")
    if traits["nullability"] == "not null":
        said.append("NOT NULL")
    return " ".join(said)


def _change_column(expected: CatalogObject, actual: CatalogObject, trait: str) -> Statements:  # noqa: PLR0911 - an arm a trait
    key, wanted = actual.key, expected.traits.get(trait)
    alter = f"ALTER TABLE {key.relation} ALTER COLUMN {key.name}"
    match trait:
        case "type":
            return (f"{alter} TYPE {wanted} USING {key.name}::{str(wanted).partition(' COLLATE ')[0]}",)
        case "nullability":
            return (f"{alter} {'SET' if wanted == 'not null' else 'DROP'} NOT NULL",)
        case "default":
            return (f"{alter} SET DEFAULT {wanted}" if wanted is not None else f"{alter} DROP DEFAULT",)
        case "identity" if wanted is None:
            return (f"{alter} DROP IDENTITY",)
        case "identity" if wanted is not None:
            set_or_add = "SET GENERATED" if "identity" in actual.traits else "ADD GENERATED"
            return (f"{alter} {set_or_add} {wanted.upper()}{'' if 'identity' in actual.traits else ' AS IDENTITY'}",)
        case "generated" if wanted is None:
            return (f"{alter} DROP EXPRESSION",)
        case _:
            return ()


def _change_sequence(expected: CatalogObject, trait: str) -> str:
    wanted = expected.traits.get(trait, "")
    words = {"type": f"AS {wanted}", "start": f"START {wanted}", "increment": f"INCREMENT {wanted}",
             "minimum": f"MINVALUE {wanted}", "maximum": f"MAXVALUE {wanted}", "cycle": wanted.upper()}  # fmt: skip
    return f"ALTER SEQUENCE {expected.key.name} {words[trait]}"


def _add_constraint(one: CatalogObject) -> Statements:
    key = one.key
    if not re.match(r"(FOREIGN KEY|CHECK)\b", one.traits["definition"]) or one.traits.get("validity") == "not validated":
        return (one.definition,)
    return (f"{one.definition} NOT VALID", f"ALTER TABLE {key.relation} VALIDATE CONSTRAINT {key.name}")


def _gently(definition: str) -> str:
    """An index built while everybody works; on a partitioned table that cannot be (its text says ON ONLY)."""
    if re.match(r"CREATE (?:UNIQUE )?INDEX \S+ ON ONLY ", definition):
        return definition.replace(" ON ONLY ", " ON ", 1)
    return re.sub(r"^CREATE (UNIQUE )?INDEX ", lambda m: f"CREATE {m[1] or ''}INDEX CONCURRENTLY ", definition, count=1)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
