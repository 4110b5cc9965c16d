#!/usr/bin/env python3
"""A small replicated store over TCP, to be attacked as a cluster: a primary and a backup.

    store.py serve IP PRIMARY OTHERS    one server
    store.py ask IP read KEY | stored KEY | create KEY VALUE | ping

The primary copies each value to the backup before it answers, and goes on alone when the backup is silent. The backup
takes over when the primary is silent. So it survives that a server crashes; when a link is lost there are two
primaries. Attack it: threeworlds attack examples/clusters/store.toml
"""
import json
import socket
import socketserver
import sys
import threading
import time

PORT = 7000
SILENCE_SECONDS_MAX = 2


def ask(ip, request, timeout=1.0):
    """One line to a server, and its answer."""
    with socket.create_connection((ip, PORT), timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(connection.makefile().readline())


class Store:
    def __init__(self, is_primary, others):
        self.values = {}
        self.is_primary = is_primary
        self.others = others
        self.lock = threading.Lock()

    def answer(self, operation, key=None, value=None):
        if operation == "ping":
            return {"primary": self.is_primary}
        if operation == "copy":
            self.values[key] = value
            return {}
        if operation == "stored":
            return {"value": self.values.get(key)}
        with self.lock:
            if not self.is_primary:
                return {"error": "not the primary"}
            if operation == "read":
                return {"value": self.values.get(key)}
            if key in self.values:
                return {"taken": self.values[key]}
            self.values[key] = value
            for other in self.others:
                try:
                    ask(other, ["copy", key, value])
                except OSError:
                    pass  # Dead, surely.
            return {"done": True}

    def watch(self, primary):
        heard = time.monotonic()
        while time.monotonic() - heard < SILENCE_SECONDS_MAX:
            try:
                ask(primary, ["ping"], 0.5)
                heard = time.monotonic()
            except (OSError, ValueError):
                pass
            time.sleep(0.2)
        self.is_primary = True


def serve(ip, primary, others):
    store = Store(ip == primary, [other for other in others.split(",") if other])
    if ip != primary:
        threading.Thread(target=store.watch, args=(primary,), daemon=True).start()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            if line := self.rfile.readline():
                self.wfile.write(json.dumps(store.answer(*json.loads(line))).encode() + b"\n")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server((ip, PORT), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    else:
        ip, *request = sys.argv[2:]
        print(json.dumps(ask(ip, request, 3600)))
