"""client.py IP create REPLICAS | ready REPLICAS | leader | read KEY | stored KEY | write-once KEY VALUE | write KEY VALUE

NATS' protocol on a plain socket: no library, so no retry that nobody asked for. Exit status: 0 done (a read prints
the value), 3 certainly not done, 4 another value is there, 6 nothing is there, anything else: nobody knows.
"""
import base64
import json
import os
import socket
import sys

WRONG_LAST_SEQUENCE, NO_MESSAGE = 10071, 10037


class Connection:
    def __init__(self, ip):
        # Nobody else hears what is meant for this connection.
        self.inbox = "_INBOX." + os.urandom(12).hex()
        self.socket = socket.create_connection((ip, 4222), 2)
        self.input = self.socket.makefile("rb")
        if not self.input.readline().startswith(b"INFO"):
            raise ConnectionError("this is no NATS server")
        options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True}
        self.send(b"CONNECT " + json.dumps(options).encode() + f"\r\nSUB {self.inbox} 1\r\nPING\r\n".encode())
        while not (line := self.input.readline()).startswith(b"PONG"):
            if not line or line.startswith(b"-ERR"):
                raise ConnectionError(f"the server refused the connection: {line}")

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, subject, payload=b"", headers=b""):
        """The answer, or None if nobody listens there."""
        if headers:
            head = b"NATS/1.0\r\n" + headers + b"\r\n\r\n"
            line = f"HPUB {subject} {self.inbox} {len(head)} {len(head) + len(payload)}\r\n"
            self.send(line.encode() + head + payload + b"\r\n")
        else:
            self.send(f"PUB {subject} {self.inbox} {len(payload)}\r\n".encode() + payload + b"\r\n")
        while True:
            line = self.input.readline()
            if not line:
                raise ConnectionError("the server closed the connection")
            words = line.split()
            if words[0] == b"PING":
                self.send(b"PONG\r\n")
            elif words[0] in (b"MSG", b"HMSG"):
                data = self.input.read(int(words[-1]) + 2)[:-2]
                if words[0] == b"MSG":
                    return json.loads(data)
                # No responders: status 503 and no payload.
                if b" 503" in data[:int(words[-2])]:
                    return None
                return json.loads(data[int(words[-2]):])
            elif words[0] == b"-ERR":
                raise ConnectionError(line.decode())


def error_of(answer):
    error = answer.get("error")
    return error and (error.get("err_code"), error.get("description"))


def refuse(why):
    print(why, file=sys.stderr)
    sys.exit(3)


def main(ip, operation, *arguments):
    try:
        connection = Connection(ip)
    except OSError as error:
        # Nothing was asked yet.
        refuse(error)
    # The hard deadline is outside.
    connection.socket.settimeout(None)
    if operation == "create":
        stream = {"name": "S", "subjects": ["k.*", "barrier"], "num_replicas": int(arguments[0]), "storage": "file",
                  "retention": "limits", "discard": "old", "max_msgs": -1, "max_bytes": -1, "max_age": 0}
        answer = connection.ask("$JS.API.STREAM.CREATE.S", json.dumps(stream).encode())
        if answer is None or answer.get("error"):
            sys.exit(f"not created: {answer}")
        return
    if operation in ("ready", "leader"):
        answer = connection.ask("$JS.API.STREAM.INFO.S")
        if answer is None or answer.get("error"):
            sys.exit(f"no stream: {answer}")
        cluster = answer["cluster"]
        print(f"leader {cluster.get('leader')}.")
        current = [replica for replica in cluster.get("replicas") or [] if replica.get("current")]
        if operation == "ready" and not (cluster.get("leader") and len(current) + 1 == int(arguments[0])):
            sys.exit(f"not current: {cluster}")
        return
    key = f"k.{arguments[0]}"
    if operation == "read":
        # A leader that was cut off answers reads for some seconds more, from what it has: only a message that a
        # majority took shows that it still leads.
        barrier = connection.ask("barrier")
        if barrier is None:
            refuse("nobody takes messages of the stream")
        if error := error_of(barrier):
            sys.exit(f"error {error}")
    if operation in ("read", "stored"):
        answer = connection.ask("$JS.API.STREAM.MSG.GET.S", json.dumps({"last_by_subj": key}).encode())
        if answer is None:
            refuse("nobody answers for the stream")
        if error := error_of(answer):
            sys.exit(6 if error[0] == NO_MESSAGE else f"error {error}")
        print(base64.b64decode(answer["message"]["data"]).decode())
        return
    headers = b"Nats-Expected-Last-Subject-Sequence: 0" if operation == "write-once" else b""
    answer = connection.ask(key, arguments[1].encode(), headers)
    if answer is None:
        refuse("nobody takes messages of the stream")
    if error := error_of(answer):
        sys.exit(4 if error[0] == WRONG_LAST_SEQUENCE else f"error {error}")
    print(answer["seq"])


main(*sys.argv[1:])
