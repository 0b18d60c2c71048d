"""The program that Helm hands its rendered manifest: it lets the user's own post-renderer go first, then makes our edits.

Run by Helm as ``python -m lockage.adapters.helm.post_renderer FILE``, where the file says what to run and what to edit. Not
for deciding what to edit. The surprising thing: a document that needs no edit passes letter by letter, and in one that does,
every scalar keeps the spelling that the chart gave it: nodes are changed, never values. Loading ``on`` or ``0644`` and
writing it again would change an object that is none of our business.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from lockage.adapters.helm.manifest import Edit


class Work(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Content of the file."""

    edits: tuple[Edit, ...]
    first: tuple[str, ...] = ()  # the user's own post-renderer, as a command line
    variables: dict[str, str] = msgspec.field(default_factory=dict[str, str])  # for it


def main() -> None:
    """From standard input to standard output."""
    work = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Work)
    manifest = sys.stdin.buffer.read()
    if work.first:
        done = subprocess.run(
            work.first, input=manifest, stdout=subprocess.PIPE, check=False, env={**os.environ, **work.variables}
        )
        if done.returncode != 0:
            sys.exit(f"the post-renderer {work.first[0]} ended with exit code {done.returncode}")
        manifest = done.stdout
    sys.stdout.buffer.write(edited(manifest.decode(), work.edits).encode())


def edited(manifest: str, edits: Sequence[Edit]) -> str:
    """The manifest with all edits made. Raises ``ValueError`` when an edit finds no place."""
    done: set[int] = set()
    documents = re.split(r"(?m)^(---.*\n)", manifest)
    written = [_document(text, edits, done) for text in documents]
    missing = [f"{edit.kind}/{edit.name}" for index, edit in enumerate(edits) if index not in done]
    if missing:
        raise ValueError(f"no place to edit in {', '.join(dict.fromkeys(missing))}")
    return "".join(written)


def _document(text: str, edits: Sequence[Edit], done: set[int]) -> str:
    if not any(edit.name in text for edit in edits) or text.startswith("---"):
        return text
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return text
    metadata = _under(root, "metadata")
    name = _text(_under(metadata, "name")) if isinstance(metadata, yaml.MappingNode) else None
    touched = False
    for index, edit in enumerate(edits):
        if (_text(_under(root, "kind")), name) == (edit.kind, edit.name) and _make(root, edit.path, edit.value):
            done.add(index)
            touched = True
    if not touched:
        return text
    written = io.StringIO()
    yaml.serialize(root, written, width=1000, allow_unicode=True)  # pyright: ignore[reportUnknownMemberType] - its stub is partial
    return written.getvalue()


def _make(node: yaml.Node, path: Sequence[str | Mapping[str, str]], value: object) -> bool:
    """Whether the place was found, and is now so."""
    *parents, last = path
    for step in parents:
        below = _under(node, step) if isinstance(step, str) else _named(node, step["name"])
        if below is None:
            return False
        node = below
    if not isinstance(node, yaml.MappingNode) or not isinstance(last, str):
        return False
    kept: list[tuple[yaml.Node, yaml.Node]] = [(key, below) for key, below in node.value if _text(key) != last]
    place = next((at for at, (key, _) in enumerate(node.value) if _text(key) == last), len(kept))
    if value is not None:
        kept.insert(place, (_node(last), _node(value)))
    node.value = kept
    return True


def _under(node: yaml.Node, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((below for name, below in node.value if _text(name) == key), None)


def _named(node: yaml.Node, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.SequenceNode):
        return None
    return next((one for one in node.value if _text(_under(one, "name")) == name), None)


def _text(node: yaml.Node | None) -> str | None:
    return node.value if isinstance(node, yaml.ScalarNode) else None


def _node(value: Any) -> yaml.Node:
    node = yaml.compose(yaml.safe_dump(value), Loader=yaml.CSafeLoader)
    assert node is not None, "every value has a node"
    return node


if __name__ == "__main__":
    main()
