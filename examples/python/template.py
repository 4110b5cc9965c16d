#!/usr/bin/env python3
"""A step program to copy: one server, s1, holds a write-once register, and clients ask it until it answers.

    threeworlds check --server-faults none -- python3 template.py

Replace the four functions of the first part by your own protocol; the second part, the plumbing, can stay
as it is. Nothing may be kept in variables between two steps: whatever a process has to remember is in its
state, for the checker visits states in any order. States and messages are any JSON.
"""

import json
import os
import sys

# --- The protocol -----------------------------------------------------------------------------------------


def start_server(me, system):
    """The state of a server before round 1, and what it sends in round 1 as a list of (to, message).

    `me` is "s1", "s2", ...; `system` is {"servers": ["s1", ...], "clients": ["c1", ...], "faults": 1}.
    A later step sees the state only, so keep in it what it needs to know of the system.
    """
    return {"register": None}, []


def step_server(me, state, received):
    """One round of a server: its next state, and what it sends in the next round.

    `received` is a list of (sender, message), servers first, at most one from each.
    """
    register = state["register"]
    send = []
    for sender, message in received:
        # The first write wins, and every request is answered at once.
        if register is None and message["op"] == "write":
            register = message["value"]
        send.append((sender, {"reply": register, "number": message["number"]}))
    return {"register": register}, send


def start_client(me, system):
    """The same for a client, "c1", "c2", ..."""
    return {"number": 0, "pending": None}, []


def step_client(me, state, request, received):
    """One round of a client: its next state, what it sends in the next round, and the response or None.

    `request` is None, or {"op": "write", "value": "C1"} or {"op": "read"} in the round in which it is
    issued; there is never a second one before the response to the first. The response to both is
    {"value": "C1"}, or {"value": None} for a register that was not written.
    """
    number, pending = state["number"], state["pending"]
    if request is not None:
        number, pending = number + 1, request
    if pending is None:
        return {"number": number, "pending": None}, [], None
    for _, message in received:
        if message["number"] == number:  # and not a late reply to the request before
            return {"number": number, "pending": None}, [], {"value": message["reply"]}
    # Any message may have been lost, so ask again in every round.
    return {"number": number, "pending": pending}, [("s1", {**pending, "number": number})], None


# --- The plumbing: JSON lines on stdin, each answered with one on stdout, in order ------------------------


def answer(line):
    call = json.loads(line)
    response = None
    if "start" in call:
        system = call["start"]
        me = system["process"]
        state, send = (start_server if me.startswith("s") else start_client)(me, system)
    else:
        step = call["step"]
        me = step["process"]
        received = [(one["from"], one["message"]) for one in step["received"]]
        if me.startswith("s"):
            state, send = step_server(me, step["state"], received)
        else:
            state, send, response = step_client(me, step["state"], step["request"], received)
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
