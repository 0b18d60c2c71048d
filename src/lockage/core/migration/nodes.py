"""All nodes of a parsed statement, found in one pass.

Not for the order of evaluation. The surprising thing: it is here for speed alone. A statement is asked for tables, functions,
changes and more; to walk its tree for each of them made a script of a hundred thousand lines take a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from postgast import pg_query_pb2 as pg

_Kind = TypeVar("_Kind", bound=Message)

_LEAVES = frozenset({pg.A_Const, pg.String, pg.Integer, pg.ColumnRef})
"""Kinds that most nodes are of, and below which is nothing but words and numbers."""


def nodes_of(root: Message) -> tuple[Message, ...]:
    """The node and all below it, a parent before its children, children in the order of the text as the parser has it."""
    found: list[Message] = []
    stack: list[Message] = [root]
    while stack:
        node = stack.pop()
        if type(node) is pg.Node:
            inner = node.WhichOneof("node")
            if inner is not None:
                node = getattr(node, inner)
        found.append(node)
        if type(node) in _LEAVES:
            continue
        below: list[Message] = []
        for field, value in node.ListFields():
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                _add(below, value)
        stack.extend(reversed(below))
    return tuple(found)


def _add(below: list[Message], value: Any) -> None:
    if isinstance(value, Message):
        below.append(value)
    else:
        below.extend(value)


def of_kind(nodes: Iterable[Message], kind: type[_Kind]) -> Iterator[_Kind]:
    """Those of the nodes that are of a kind."""
    return (node for node in nodes if type(node) is kind)
