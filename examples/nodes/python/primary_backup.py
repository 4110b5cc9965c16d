#!/usr/bin/env python3
"""Primary and backup: a key-value store (lin-kv) that goes on alone when the others fall silent.

The primary answers a request when every other node that it hears has the result, and alone when it hears
none. When nobody has led for a second, the node with the latest store takes over.

It tolerates crashes of all nodes but one, as long as messages take far less than a second. It stops being
right when messages are lost: silence is taken for a crash. Two nodes that cannot hear each other both lead,
both answer, and after healing the writes of one are gone. With two nodes every store has to do this or stop
answering; with three there are better ones: see caspaxos.py. A node that is started again has lost its
store; it takes that of the others.

    threeworlds attack --servers 2 --server-faults crash -- python3 primary_backup.py     survives
    threeworlds attack --servers 2 -- python3 primary_backup.py                           fails: safety

Each message carries the whole store: right for the few keys of a test, and nothing is ever missed.
"""

import time

from node import Node

BEAT_SECONDS = 0.1
SILENT_SECONDS = 1.0

node = Node()
store = {}
# How recent the store is: [epoch, who leads it, requests so far]. A new leader starts a new epoch. Stamps
# are compared from the left, and equal stamps mean equal stores.
stamp = [0, "", 0]
leads = False
waiting = []  # requests whose result others do not have yet: (stamp, message, answer)
heard = {}  # node: when we last heard it
stamps = {}  # node: the stamp that it told us last
leader_heard = 0.0
last_tick = 0.0


# --- Requests ----------------------------------------------------------------------------------------------


def request(message):
    """Carries a request out, a read too, and answers it once the others have heard of it: a read that showed
    what only this node knows would be undone by a crash."""
    global stamp
    if not leads:
        node.reply(message, {"type": "error", "code": 11, "text": "this node is not the primary"})
        return
    answer = apply(message["body"])
    stamp = [stamp[0], node.id, stamp[2] + 1]
    waiting.append((stamp, message, answer))
    beat()
    answer_waiting()


def apply(body):
    key = body["key"]
    if body["type"] == "write":
        store[key] = body["value"]
        return {"type": "write_ok"}
    if key not in store:
        return {"type": "error", "code": 20, "text": "no such key"}
    if body["type"] == "read":
        return {"type": "read_ok", "value": store[key]}
    if store[key] != body["from"]:
        return {"type": "error", "code": 22, "text": f"the value is {store[key]}"}
    store[key] = body["to"]
    return {"type": "cas_ok"}


def answer_waiting():
    """Answers, in order, what every node that is alive has."""
    while waiting and all(stamps[other] >= waiting[0][0] for other in node.others if alive(other)):
        _, message, answer = waiting.pop(0)
        node.reply(message, answer)


# --- Who leads ---------------------------------------------------------------------------------------------


def alive(other):
    return time.monotonic() - heard[other] < SILENT_SECONDS


def beat():
    node.broadcast({"type": "beat", "leads": leads, "stamp": stamp, "store": list(store.items()) if leads else None})


def hear(message):
    """Another node's beat: a sign of life, how much it has, and from a leader its store."""
    global leader_heard, stamp, store
    sender, body = message["src"], message["body"]
    heard[sender] = time.monotonic()
    stamps[sender] = body["stamp"]
    if body["stamp"] > stamp and leads:
        stop_leading()
    if body["leads"] and body["stamp"] >= stamp:
        leader_heard = time.monotonic()
        if body["stamp"] > stamp:
            stamp, store = body["stamp"], dict(body["store"])
            beat()
    answer_waiting()


def tick():
    global last_tick, leader_heard, leads, stamp
    now = time.monotonic()
    if now - last_tick > SILENT_SECONDS / 2:
        # This process was suspended: others may have taken over, and who is silent cannot be told yet.
        stop_leading()
        leader_heard = now
        heard.update((other, now) for other in node.others)
    last_tick = now
    if not leads and now - leader_heard > SILENT_SECONDS and is_latest():
        leads = True
        stamp = [stamp[0] + 1, node.id, 0]
        node.log("leads", stamp)
    beat()
    answer_waiting()  # alone, perhaps


def is_latest():
    """Whether no living node has a later store, or the same and an earlier place in the list."""
    mine = node.ids.index(node.id)
    return all(
        stamps[other] < stamp or (stamps[other] == stamp and mine < node.ids.index(other))
        for other in node.others
        if alive(other)
    )


def stop_leading():
    global leads
    leads = False
    for _, message, _ in waiting:
        node.reply(message, {"type": "error", "code": 0, "text": "another node may have taken over"})
    waiting.clear()


def start():
    global last_tick, leader_heard
    last_tick = leader_heard = time.monotonic()
    for other in node.others:
        heard[other], stamps[other] = float("-inf"), [0, "", 0]
    node.every(BEAT_SECONDS, tick)


node.on_start(start)
node.on("beat", hear)
for kind in ("read", "write", "cas"):
    node.on(kind, request)
node.run()
