#!/usr/bin/env python3
"""Two servers of write-once registers, and their client: primary-backup over TCP (Alsberg and Day 1976).

server ME PRIMARY BACKUP RULE: the primary copies each write to the backup. RULE `wait`: it answers when the
backup has it, and the backup leads nothing. RULE `alone`: whoever does not reach the other within 2 s answers
alone. It loses what it was told where a server misses messages; that is what it is for.
ask IP OP KEY [VALUE]: one request; prints what it is told.
"""
import socket, socketserver, sys, threading

PATIENCE = 2


def send(ip, line, timeout):
    with socket.create_connection((ip, 7000), timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(line.encode() + b"\n")
        return connection.makefile().readline().strip()


def serve(me, primary, backup, rule):
    stored, lock = {}, threading.Lock()

    def keep(key, value):
        with lock:
            return stored.setdefault(key, value)

    def write(key, value):
        if me == primary:
            value = keep(key, value)
            try:
                send(backup, f"copy {key} {value}", PATIENCE)
            except OSError:
                if rule == "wait":
                    return None
            return value
        try:
            told = send(primary, f"write {key} {value}", 1.5 * PATIENCE)
            return keep(key, told.split()[1]) if told else None
        except OSError:
            return None if rule == "wait" else keep(key, value)

    def read(key):
        if me == primary:
            with lock:
                return stored.get(key, "")
        try:
            return send(primary, f"read {key}", PATIENCE).partition(" ")[2]
        except OSError:
            with lock:
                return None if rule == "wait" else stored.get(key, "")

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            operation, key, *value = self.rfile.readline().decode().split()
            if operation == "copy":
                answer = keep(key, value[0])
            elif operation == "stored":
                answer = stored.get(key, "")
            else:
                answer = write(key, value[0]) if operation == "write" else read(key)
            if answer is not None:
                self.wfile.write(f"told {answer}\n".encode())

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address, daemon_threads = True, True

    Server(("", 7000), Handler).serve_forever()


def ask(ip, operation, key, *value):
    told = send(ip, " ".join([operation, key, *value]), 10)
    if not told:
        sys.exit(1)
    print(told.partition(" ")[2])


{"server": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
