"""ferry: an application that nobody has described, as strangers' are: a ledger like Alembic's, one transaction for each
migration, no advisory lock, its own words in its log. ``ferry_app.py RELEASE HOST:PORT`` or ``ferry_app.py RELEASE migrate``.
"""

import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg

RELEASE, WHERE = sys.argv[1], sys.argv[2]
DAYS = int(os.environ.get("FERRY_DAYS", "9000"))  # tables of 1.7.0

MIGRATIONS = [
    ("1.0.0", "3f1c9a", "create berths", "create table berths (id int primary key, name text not null, length_m numeric)"),
    (
        "1.0.0",
        "a97be2",
        "create crossings",
        "create table crossings (id bigint generated always as identity primary key, berth_id int references berths,"
        " vessel text, sailed_at timestamptz default now());"
        "insert into berths select i, 'berth ' || i, 20 + i from generate_series(1, 40) i;"
        "insert into crossings (berth_id, vessel) select 1 + i % 40, 'vessel ' || i % 90 from generate_series(1, 4000) i",
    ),
    ("1.4.1", "b80c11", "berths are called in capitals", "update berths set name = upper(name)"),
    ("1.4.2", "0d3f7e", "crossings by vessel", "create index concurrently crossings_by_vessel on crossings (vessel)"),
    ("1.5.0", "c04d55", "add tariffs", "create table tariffs (id int primary key, berth_id int references berths, cents int)"),
    (
        "1.5.0",
        "e6612f",
        "crossings get a tariff",
        "alter table crossings add column tariff_id int references tariffs;update crossings set vessel = upper(vessel)",
    ),
    ("1.6.0", "f00ba4", "one vessel a berth", "alter table crossings add constraint crossings_vessel_key unique (vessel)"),
    (
        "1.7.0",
        "71aa0e",
        "a table a day",
        f"do $$ begin for i in 1..{DAYS} loop execute format('create table day_%s ()', i); end loop; end $$",
    ),
]


def say(level, words):
    sys.stderr.write(f"{level}  [ferry.schema] {words}\n")
    sys.stderr.flush()


def numbers(release):
    return tuple(map(int, release.split(".")))


def migrate():
    wanted = [one for one in MIGRATIONS if numbers(one[0]) <= numbers(RELEASE)]
    if RELEASE == "1.7.0":  # whose branch had no 1.6.0
        wanted = [one for one in wanted if one[0] != "1.6.0"]
    known = [one[1] for one in wanted]
    with psycopg.connect(os.environ["DATABASE_URL"], application_name=os.environ.get("FERRY_NAME", "ferry")) as connection:
        connection.execute("create table if not exists alembic_version (version_num varchar(32) primary key)")
        connection.commit()
        row = connection.execute("select version_num from alembic_version").fetchone()
        connection.commit()
        if row and row[0] not in known:
            raise RuntimeError(f"Can't locate revision identified by '{row[0]}'")
        at = known.index(row[0]) + 1 if row else 0
        for _, revision, title, text in wanted[at:]:
            say(
                "INFO",
                f"Running upgrade {known[known.index(revision) - 1] if revision != known[0] else ''} -> {revision}, {title}",
            )
            if "concurrently" in text:
                connection.autocommit = True
            connection.execute(text, prepare=False)
            if connection.autocommit:
                connection.autocommit = False
            connection.execute("delete from alembic_version")
            connection.execute("insert into alembic_version values (%s)", (revision,))
            connection.commit()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_words):
        pass


def main():
    if WHERE == "migrate":
        migrate()
        return
    host, port = WHERE.rsplit(":", 1)
    say("INFO", f"ferry {RELEASE} starts")
    if tides := os.environ.get("FERRY_TIDES"):
        say("INFO", "asks for the tides")
        socket.create_connection(tides.split(":")).recv(1)
    migrate()
    kept = psycopg.connect(os.environ["DATABASE_URL"], application_name=os.environ.get("FERRY_NAME", "ferry"), autocommit=True)
    kept.execute("select 1")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    say("INFO", f"listening on {WHERE}")
    server.serve_forever(poll_interval=0.05)


main()
