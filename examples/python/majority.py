#!/usr/bin/env python3
"""Majority: the same protocol as the built-in `majority`, as a step program.

    threeworlds check --servers 3 -- python3 majority.py      holds
    threeworlds check --servers 2 -- python3 majority.py      safe, but not live

A view has two rounds and a leader, s1, s2, ... in turn. Report: every server sends every other its lock; the
leader, if a majority has reported, picks the value of the youngest lock, or the first write. Propose: the
leader sends it to all, and who receives it locks it. Whoever then sees fresh locks at a majority has decided.
A lock's age is counted in views up to `oldest`. The built-in's source says why all of this is right.
"""

import json
import os
import sys

# --- The protocol -----------------------------------------------------------------------------------------
# Every state has "servers", how many there are, and an undecided server's "oldest", the oldest age: neither
# ever changes, but a step sees nothing but the state.


def others(me, servers, message):
    return [(f"s{number}", message) for number in range(1, servers + 1) if f"s{number}" != me]


def start_server(me, servers, faults):
    state = {"clock": 0, "lock": None, "oldest": max(faults, 1), "servers": servers}
    return state, others(me, servers, {"report": None})


def step_server(me, state, received):
    servers = state["servers"]
    decided = state["decided"] if "decided" in state else decision(state, received)
    if decided is None:
        return step_undecided(me, state, received)
    send = others(me, servers, {"decided": decided})
    send += [(sender, {"decided": decided}) for sender, _ in received if sender.startswith("c")]
    return {"decided": decided, "servers": servers}, send


def reports(state, received):
    """The locks, or None, that a server knows of after a report round, its own among them."""
    return [state["lock"]] + [message["report"] for _, message in received if "report" in message]


def decision(state, received):
    """What another server has decided, or what a majority has just locked."""
    for _, message in received:
        if "decided" in message:
            return message["decided"]
    if state["clock"] % 2 == 0:
        fresh = [lock["value"] for lock in reports(state, received) if lock and lock["age"] == 0]
        if 2 * len(fresh) > state["servers"]:
            return fresh[0]
    return None


def proposal(state, received):
    """What the leader proposes after a report round; None for nothing."""
    servers = state["servers"]
    heard = reports(state, received)
    if 2 * len(heard) <= servers:
        return None
    locks = [lock for lock in heard if lock]
    if not locks:
        writes = (message["value"] for _, message in received if message.get("op") == "write")
        return next(writes, None)
    youngest = min(lock["age"] for lock in locks)
    values = sorted({lock["value"] for lock in locks if lock["age"] == youngest})
    if len(values) == 1:
        return values[0]
    # Two locks of the oldest age: leave out what was never decided.
    unheard = servers - len(heard)
    holders = {value: sum(lock["value"] == value for lock in locks) for value in values}
    perhaps_decided = [value for value in values if 2 * (holders[value] + unheard) > servers]
    if len(perhaps_decided) > 1:
        return None
    return (perhaps_decided or values)[0]


def step_undecided(me, state, received):
    servers, clock, lock = state["servers"], state["clock"], state["lock"]
    send = []
    if clock % 2 == 0:  # a report round
        value = proposal(state, received) if me == f"s{clock // 2 + 1}" else None
        if value is not None:
            send = others(me, servers, {"propose": value})
            lock = {"age": 0, "value": value}
        elif lock:
            lock = {"age": min(state["oldest"], lock["age"] + 1), "value": lock["value"]}
    else:  # a propose round
        for _, message in received:
            if "propose" in message:
                lock = {"age": 0, "value": message["propose"]}
        send = others(me, servers, {"report": lock})
    if not lock:
        send += [(sender, {"unlocked": True}) for sender, message in received if message.get("op") == "read"]
    clock = (clock + 1) % (2 * servers)
    return {"clock": clock, "lock": lock, "oldest": state["oldest"], "servers": servers}, send


def start_client(servers):
    return {"pending": None, "servers": servers}, []


def step_client(state, request, received):
    """Asks every server in every round. Bottom takes a majority that has no lock, in one round."""
    servers = state["servers"]
    pending = request or state["pending"]
    answered = {"pending": None, "servers": servers}
    if pending is None:
        return answered, [], None
    for _, message in received:
        if "decided" in message:
            return answered, [], {"value": message["decided"]}
    unlocked = sum("unlocked" in message for _, message in received)
    if pending["op"] == "read" and 2 * unlocked > servers:
        return answered, [], {"value": None}
    return {"pending": pending, "servers": servers}, others(None, servers, pending), None


# --- The plumbing: JSON lines on stdin, each answered with one on stdout, in order ------------------------


def answer(line):
    call = json.loads(line)
    response = None
    if "start" in call:
        me, servers, faults = call["start"]["process"], len(call["start"]["servers"]), call["start"]["faults"]
        state, send = start_server(me, servers, faults) if me.startswith("s") else start_client(servers)
    else:
        step = call["step"]
        me = step["process"]
        received = [(one["from"], one["message"]) for one in step["received"]]
        if me.startswith("s"):
            state, send = step_server(me, step["state"], received)
        else:
            state, send, response = step_client(step["state"], step["request"], received)
    send = [{"to": to, "message": message} for to, message in send]
    answered = {"id": call["id"], "state": state, "send": send, "response": response}
    return json.dumps(answered, separators=(",", ":"))


def main():
    """Answers all lines that have arrived and only then waits for more, so that no answer is held back."""
    rest = b""
    while chunk := os.read(sys.stdin.fileno(), 1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        sys.stdout.write("".join(answer(line) + "\n" for line in lines))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
