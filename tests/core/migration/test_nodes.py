"""All nodes of a statement are found, in the parser's order, but for the words and numbers below leaves."""

from __future__ import annotations

from pathlib import Path

import postgast
import pytest
from postgast import pg_query_pb2 as pg

from lockage.core.migration.nodes import nodes_of, of_kind

SOUGHT = (
    pg.RangeVar,
    pg.FuncCall,
    pg.CommonTableExpr,
    pg.InsertStmt,
    pg.UpdateStmt,
    pg.DeleteStmt,
    pg.MergeStmt,
    pg.SelectStmt,
)

STATEMENTS = [
    "WITH gone AS (DELETE FROM a WHERE f(x) = 1 RETURNING *) INSERT INTO b SELECT g(y) FROM gone, c.d FOR UPDATE",
    "MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET x = (SELECT max(y) FROM c)",
    "CREATE TABLE t (id int DEFAULT nextval('s') CHECK (f(id)), o int REFERENCES other) PARTITION BY RANGE (id)",
    "INSERT INTO t VALUES (1, f(2)), (3, (SELECT x FROM u))",
    "SELECT 1",
]


@pytest.mark.parametrize("text", STATEMENTS)
def test_nodes_are_those_of_the_parsers_own_walk(text: str) -> None:
    tree = postgast.parse(text).stmts[0].stmt
    nodes = nodes_of(tree)
    for kind in SOUGHT:
        assert list(of_kind(nodes, kind)) == list(postgast.find_nodes(tree, kind))


def test_nodes_of_every_statement_of_the_corpora_are_those_of_the_parsers_own_walk() -> None:
    corpus = Path(__file__).parents[2] / "corpus"
    files = sorted(file for kind in ("blocking", "formats") for file in (corpus / kind).rglob("*.sql"))
    texts = [text for file in files if "${" not in (text := file.read_text())]
    assert len(texts) > 20
    for text in texts:
        for raw in postgast.parse(text).stmts:
            kinds = [type(node) for node in nodes_of(raw.stmt) if isinstance(node, SOUGHT)]
            assert kinds == [type(node) for _, node in postgast.walk(raw.stmt) if isinstance(node, SOUGHT)]
