"""A tiny application whose behaviour follows its release, for tests of platforms. Standard library only.

``scripted_app.py RELEASE HOST:PORT FOLDER``. Behaviour of a release is what stands in ``FOLDER/RELEASE.json``:
``exit`` (code: end at once), ``deaf`` (never answer the health check), ``hang_until`` (file in FOLDER: no answer of the health
check until it is there), ``hang_if`` (file: no answer while it is there), ``ignore_sigterm``. ``FOLDER/connect`` may hold a
port of this machine to which a connection is kept open.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RELEASE, ADDRESS, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3])
REPLICA = os.environ.get("REPLICA", "")


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def behaviour():
    file = FOLDER / f"{RELEASE}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def hangs():
    now = behaviour()
    until, while_there = now.get("hang_until"), now.get("hang_if")
    return (
        now.get("deaf", False)
        or (until is not None and not (FOLDER / until).exists())
        or (while_there is not None and (FOLDER / while_there).exists())
    )


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/healthz":
            while hangs():
                time.sleep(0.02)
        body = json.dumps({"release": RELEASE, "replica": REPLICA, "pid": os.getpid()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


def main():
    say(f"begin {RELEASE} {REPLICA} pid {os.getpid()}")
    now = behaviour()
    if "exit" in now:
        say(f"ends with {now['exit']}")
        sys.exit(now["exit"])
    host, port = ADDRESS.split(":")
    server = Server((host, int(port)), Handler)

    def stop(_number, _frame):
        say("SIGTERM")
        if not now.get("ignore_sigterm"):
            threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    kept = FOLDER / "connect"
    if kept.exists():
        globals()["connection"] = socket.create_connection(("127.0.0.1", int(kept.read_text())))
    server.serve_forever(poll_interval=0.02)
    server.server_close()
    os._exit(0)  # threads that hang in a health check end here


main()
