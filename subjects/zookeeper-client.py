"""client.py IP mode | read KEY | stored KEY | write-once KEY VALUE | write KEY VALUE | cas KEY VALUE FROM

ZooKeeper's protocol on a plain socket: no library, so no retry that nobody asked for. Exit status: 0 done (a read
prints the value), 3 certainly not done, 4 another value is there, 6 nothing is there, anything else: nobody knows.
"""
import socket
import struct
import sys

NO_NODE, BAD_VERSION, NODE_EXISTS = -101, -103, -110


def exact(connection, length):
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise ConnectionError("the server closed the connection")
        data += more
    return data


def frame(connection):
    (length,) = struct.unpack(">i", exact(connection, 4))
    return exact(connection, length)


def send(connection, payload):
    connection.sendall(struct.pack(">i", len(payload)) + payload)


def buffer(data):
    return struct.pack(">i", len(data)) + data


class Session:
    def __init__(self, ip):
        self.connection = socket.create_connection((ip, 2181), 2.5)
        self.xid = 0
        # Protocol 0, nothing seen yet, a session of 6 s, a new one.
        send(self.connection, struct.pack(">iqiq", 0, 0, 6000, 0) + buffer(bytes(16)) + b"\0")
        _, timeout, _ = struct.unpack(">iiq", frame(self.connection)[:16])
        if timeout <= 0:
            raise ConnectionError("the server gives no session")

    def ask(self, kind, payload):
        """An error code and the rest of the answer."""
        self.xid += 1
        send(self.connection, struct.pack(">ii", self.xid, kind) + payload)
        while True:
            answer = frame(self.connection)
            xid, _, error = struct.unpack(">iqi", answer[:16])
            if xid == self.xid:
                return error, answer[16:]

    def get(self, path):
        """The value and its version, or None."""
        error, answer = self.ask(4, buffer(path) + b"\0")
        if error == NO_NODE:
            return None
        check(error)
        (length,) = struct.unpack(">i", answer[:4])
        # Of the node's statistics, the version comes after two transactions and two times.
        (version,) = struct.unpack(">i", answer[4 + length + 32:4 + length + 36])
        return answer[4:4 + length].decode(), version

    def sync(self, path):
        check(self.ask(9, buffer(path))[0])

    def create(self, path, value):
        everybody = struct.pack(">ii", 1, 31) + buffer(b"world") + buffer(b"anyone")
        return self.ask(1, buffer(path) + buffer(value) + everybody + struct.pack(">i", 0))[0]

    def set(self, path, value, version):
        return self.ask(5, buffer(path) + buffer(value) + struct.pack(">i", version))[0]


def check(error):
    if error != 0:
        sys.exit(f"error {error}")


def mode(ip):
    connection = socket.create_connection((ip, 2181), 2)
    connection.settimeout(2)
    connection.sendall(b"srvr")
    answer = b""
    while more := connection.recv(4096):
        answer += more
    print(answer.decode())


def main(ip, operation, key="", value="", expected=""):
    if operation == "mode":
        return mode(ip)
    try:
        session = Session(ip)
    except OSError as error:
        # Nothing was asked yet.
        print(error, file=sys.stderr)
        sys.exit(3)
    # The hard deadline is outside.
    session.connection.settimeout(None)
    path = b"/k" + key.encode()
    value = value.encode()
    if operation in ("read", "stored"):
        if operation == "read":
            session.sync(b"/")
        found = session.get(path)
        if found is None:
            sys.exit(6)
        print(found[0])
    elif operation == "write-once":
        error = session.create(path, value)
        if error == NODE_EXISTS:
            sys.exit(4)
        check(error)
    elif operation == "write":
        error = session.set(path, value, -1)
        if error == NO_NODE:
            error = session.create(path, value)
            if error == NODE_EXISTS:
                error = session.set(path, value, -1)
        check(error)
    elif operation == "cas":
        session.sync(b"/")
        found = session.get(path)
        if found is None:
            sys.exit(6)
        if found[0] != expected:
            sys.exit(4)
        error = session.set(path, value, found[1])
        if error == BAD_VERSION:
            sys.exit(4)
        check(error)
    else:
        sys.exit(f"unknown operation {operation}")


main(*sys.argv[1:])
