#!/usr/bin/env python3
"""CASPaxos: a key-value store (lin-kv) without a leader, right whatever messages are lost.

Every key is a register of its own, agreed on by majorities (Rystsov, "CASPaxos: Replicated State Machines
without logs", arXiv 1802.07000). The node that a client asks proposes by itself, in two phases: a majority
promises to ignore older ballots and says what it has accepted last; then the request is applied to the state
of the highest ballot, and a majority accepts the result. A read is the change that changes nothing.

It tolerates any omissions, delays and pauses, and crashes of fewer than half of the nodes. It stops
answering, and never lies, where no majority can talk: two nodes that cannot hear each other both stall. It
keeps its promises in memory: a node that crashed must not be started again under its name.

    threeworlds attack --servers 3 -- python3 caspaxos.py      survives
    threeworlds attack --servers 2 -- python3 caspaxos.py      fails: liveness

A proposal whose answers were lost may have been chosen, or may be finished by somebody else later. So a node
repeats a request until it knows, and each state remembers the last change of every node: a request that
finds itself in there has been applied and is not applied again. That is enough because a node has one request
for each key under way at a time.
"""

import json
import random
import time
from collections import deque

from node import Node

ROUND_SECONDS = 0.3  # how long to wait for a majority before a new ballot
GIVE_UP_SECONDS = 2.0

node = Node()


# --- Acceptor: what this node has promised and accepted ----------------------------------------------------


class Slot:
    """One key, as an acceptor sees it. Ballots are [number, node]: no two nodes ever use the same."""

    def __init__(self):
        self.promised = [0, ""]
        self.accepted = [0, ""]
        self.state = {"changes": {}}  # and "value", once there is one; changes: node -> number of its last one


slots = {}


def slot_of(key):
    return slots.setdefault(json.dumps(key), Slot())


def prepare(body):
    slot = slot_of(body["key"])
    if body["ballot"] <= slot.promised:
        return {"type": "rejected", "promised": slot.promised}
    slot.promised = body["ballot"]
    return {"type": "promised", "accepted": slot.accepted, "state": slot.state}


def accept(body):
    slot = slot_of(body["key"])
    if body["ballot"] < slot.promised:
        return {"type": "rejected", "promised": slot.promised}
    slot.promised = slot.accepted = body["ballot"]
    slot.state = body["state"]
    return {"type": "accepted"}


# --- Proposer: one request of a client ---------------------------------------------------------------------


class Proposal:
    latest = 0  # the highest number of any ballot that this node has seen
    count = 0

    def __init__(self, message):
        Proposal.count += 1
        self.number = Proposal.count
        self.message = message
        self.body = message["body"]
        self.ballot = None
        self.until = time.monotonic() + GIVE_UP_SECONDS
        self.maybe_applied = False  # whether some acceptor may have accepted a change of ours

    def start_round(self):
        """Asks all nodes to promise a ballot that is higher than any we have seen."""
        if time.monotonic() > self.until:
            self.give_up()
            return
        Proposal.latest += 1
        self.ballot = [Proposal.latest, node.id]
        self.start_again_after(ROUND_SECONDS * random.uniform(1, 2))
        self.ask({"type": "prepare"}, prepare, self.choose)

    def choose(self, promises):
        """A majority has promised: apply the request to the latest state that any of them accepted."""
        state = max(promises, key=lambda promise: promise["accepted"])["state"]
        after, answer = apply(self.body, self.number, state)
        self.maybe_applied |= after != state
        self.ask({"type": "accept", "state": after}, accept, lambda _: self.finish(answer))

    def ask(self, body, own_part, then):
        """Sends to all nodes, ourselves included, and calls `then(replies)` once, when a majority agrees."""
        body = {**body, "key": self.body["key"], "ballot": self.ballot}
        agreed, refused = [], []

        def count(reply):
            if self.ballot != body["ballot"]:
                return  # a reply to an earlier round
            if reply["type"] == "rejected":
                refused.append(reply)
                Proposal.latest = max(Proposal.latest, reply["promised"][0])
                if len(refused) == len(node.ids) - majority() + 1:
                    self.start_again_after(random.uniform(0.01, 0.1))  # somebody else is proposing: step aside
            else:
                agreed.append(reply)
                if len(agreed) == majority():
                    then(agreed)

        for other in node.others:
            node.rpc(other, body, count)
        count(own_part(body))

    def start_again_after(self, seconds):
        ballot = self.ballot
        node.after(seconds, lambda: self.start_round() if self.ballot == ballot else None)

    def give_up(self):
        if self.maybe_applied:
            self.finish({"type": "error", "code": 0, "text": "no majority answered; it may have been applied"})
        else:
            self.finish({"type": "error", "code": 11, "text": "no majority answered; it was not applied"})

    def finish(self, answer):
        self.ballot = None
        node.reply(self.message, answer)
        queue = queues[json.dumps(self.body["key"])]
        queue.popleft()
        if queue:
            queue[0].start_round()


def majority():
    return len(node.ids) // 2 + 1


def apply(body, number, state):
    """The state after a request, and the answer to it."""
    if state["changes"].get(node.id) == number:
        return state, {"type": body["type"] + "_ok"}  # an earlier round of ours was chosen after all
    if body["type"] == "write":
        return changed(body["value"], number, state), {"type": "write_ok"}
    if "value" not in state:
        return state, {"type": "error", "code": 20, "text": "no such key"}
    if body["type"] == "read":
        return state, {"type": "read_ok", "value": state["value"]}
    if state["value"] != body["from"]:
        return state, {"type": "error", "code": 22, "text": f"the value is {state['value']}"}
    return changed(body["to"], number, state), {"type": "cas_ok"}


def changed(value, number, state):
    return {"value": value, "changes": {**state["changes"], node.id: number}}


# --- Requests: one at a time for each key ------------------------------------------------------------------

queues = {}  # key: the proposals that are waiting, the first of them under way


def request(message):
    queue = queues.setdefault(json.dumps(message["body"]["key"]), deque())
    queue.append(Proposal(message))
    if len(queue) == 1:
        queue[0].start_round()


for kind in ("read", "write", "cas"):
    node.on(kind, request)
node.on("prepare", lambda message: node.reply(message, prepare(message["body"])))
node.on("accept", lambda message: node.reply(message, accept(message["body"])))
node.run()
