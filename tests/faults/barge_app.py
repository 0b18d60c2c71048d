"""barge: an application with a profile, whose migrator is as careless as some are: a row for each migration with its checksum,
written before its statements, each of which commits alone; and no lock. ``barge_app.py RELEASE HOST:PORT`` or ``… migrate``.

With BARGE_MOVES a replica that serves moves barges from quay to quay: ``all`` in transactions over both tables.
"""

import os
import signal
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg

RELEASE, WHERE = sys.argv[1], sys.argv[2]
LAST = {"1.0.0": 3, "1.0.5": 4, "1.1.0": 5, "1.2.0": 6}
NAME = f"barge/{os.environ.get('BARGE_NAME', 'setup')}"
FOLDER = Path(os.environ.get("BARGE_MIGRATIONS", Path(__file__).with_name("barge")))


def say(level, words):
    sys.stderr.write(f"{level} barge: {words}\n")
    sys.stderr.flush()


def checksum_of(text):
    found = 0
    for line in text.splitlines():
        found = zlib.crc32(line.encode(), found)
    return str(found - 2**32 if found >= 2**31 else found)


def migrate():
    files = sorted((int(file.name.split("_")[0]), file) for file in FOLDER.glob("*.sql"))
    with psycopg.connect(os.environ["DATABASE_URL"], application_name=NAME, autocommit=True) as session:
        session.execute(
            "create table if not exists barge_history"
            " (version bigint not null, checksum text not null, applied_at timestamptz not null default clock_timestamp())"
        )
        applied = dict(session.execute("select version, checksum from barge_history").fetchall())
        for version, file in files:
            if version in applied and checksum_of(file.read_text()) != applied[version]:
                say("ERROR", f"Migration checksum mismatch for migration version {version}")
                say("ERROR", f"-> Applied to database : {applied[version]}")
                say("ERROR", f"-> Resolved locally    : {checksum_of(file.read_text())}")
                sys.exit(1)
        for version, file in files:
            if version in applied or version > LAST[RELEASE]:
                continue
            say("INFO", f"Migrating schema to version {version}")
            row = (version, checksum_of(file.read_text()))
            session.execute("insert into barge_history (version, checksum) values (%s, %s)", row)
            text = file.read_text()
            for statement in [text] if text.startswith("begin;") else filter(str.strip, text.split(";")):
                session.execute(statement, prepare=False)


def move():
    """The quay first, then its barges, again and again; or the barges alone."""
    with psycopg.connect(os.environ["DATABASE_URL"], application_name=NAME) as session:
        if wait := os.environ.get("BARGE_DEADLOCK_TIMEOUT"):
            session.execute("select set_config('deadlock_timeout', %s, false)", (wait,))
            session.commit()
        while True:
            try:
                if os.environ["BARGE_MOVES"] == "all":
                    session.execute("update quays set name = name where id = 7")
                    time.sleep(0.2)
                session.execute("update barges set draught_m = draught_m where quay_id = 7")
                session.commit()
            except psycopg.Error as error:
                session.rollback()
                say("ERROR", f"moving barges: {error.diag.message_primary} (SQLSTATE {error.sqlstate})")
            time.sleep(0.02)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_words):
        pass


def main():
    migrate()
    if WHERE == "migrate":
        return
    host, port = WHERE.rsplit(":", 1)
    kept = psycopg.connect(os.environ["DATABASE_URL"], application_name=NAME, autocommit=True)
    kept.execute("select 1")
    if os.environ.get("BARGE_MOVES"):
        threading.Thread(target=move, daemon=True).start()
    server = ThreadingHTTPServer((host, int(port)), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    say("INFO", f"barge {RELEASE} listens on {WHERE}")
    server.serve_forever(poll_interval=0.05)


main()
