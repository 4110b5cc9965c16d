"""A node of Maelstrom's protocol: one JSON message a line on stdin and stdout, and timers. Copy it as it is.

    node = Node()
    node.on("read", lambda message: node.reply(message, {"type": "read_ok", "value": 1}))
    node.every(0.1, lambda: node.broadcast({"type": "beat"}))
    node.run()

Everything runs in one thread: a handler or timer is never interrupted by another. Stdout is for messages
only; `node.log` writes to stderr. The node ends when its stdin is closed.
"""

import heapq
import itertools
import json
import queue
import sys
import threading
import time


class Node:
    def __init__(self):
        self.id = None  # "n1", known from `init` on
        self.ids = []  # all nodes, this one included, in the same order at every node
        self.others = []
        self._handlers = {}
        self._callbacks = {}  # msg_id of a request that was sent: what to do with its reply
        self._timers = []
        self._numbers = itertools.count(1)
        self._started = []
        self.on("init", self._init)

    def on(self, message_type, handler):
        """Calls `handler(message)` for each message of that type. Its content is `message["body"]`."""
        self._handlers[message_type] = handler

    def on_start(self, action):
        """Calls `action()` once, when the ids are known: the place to start timers."""
        self._started.append(action)

    def send(self, to, body):
        sys.stdout.write(json.dumps({"src": self.id, "dest": to, "body": body}) + "\n")
        sys.stdout.flush()

    def broadcast(self, body):
        for other in self.others:
            self.send(other, body)

    def reply(self, request, body):
        self.send(request["src"], {**body, "in_reply_to": request["body"]["msg_id"]})

    def rpc(self, to, body, callback, seconds=2.0):
        """Sends a request and calls `callback(body of the reply)`, or never if none comes in that time."""
        number = next(self._numbers)
        self._callbacks[number] = callback
        self.after(seconds, lambda: self._callbacks.pop(number, None))
        self.send(to, {**body, "msg_id": number})

    def after(self, seconds, action):
        """Calls `action()` once, that much later."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), action))

    def every(self, seconds, action):
        """Calls `action()` again and again. Ticks that were missed (a suspended process) are not made up."""

        def tick():
            self.after(seconds, tick)
            action()

        self.after(seconds, tick)

    def log(self, *words):
        print(self.id, *words, file=sys.stderr, flush=True)

    def run(self):
        """Handles messages and timers until stdin is closed."""
        lines = queue.SimpleQueue()
        threading.Thread(target=_read_lines, args=(lines,), daemon=True).start()
        while True:
            # What has already arrived goes first: after a pause, silence is judged with the mail read.
            pause = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
            try:
                line = lines.get(timeout=pause) if lines.empty() else lines.get()
            except queue.Empty:
                _, _, action = heapq.heappop(self._timers)
                action()
                continue
            if line is None:
                return
            self._receive(json.loads(line))

    def _receive(self, message):
        body = message["body"]
        if "in_reply_to" in body:
            callback = self._callbacks.pop(body["in_reply_to"], None)
            if callback:
                callback(body)
        elif body["type"] in self._handlers:
            self._handlers[body["type"]](message)
        else:
            self.reply(message, {"type": "error", "code": 10, "text": f"no such request: {body['type']}"})

    def _init(self, message):
        self.id = message["body"]["node_id"]
        self.ids = message["body"]["node_ids"]
        self.others = [other for other in self.ids if other != self.id]
        self.reply(message, {"type": "init_ok"})
        for action in self._started:
            action()


def _read_lines(lines):
    for line in sys.stdin:
        lines.put(line)
    lines.put(None)
