#!/usr/bin/env python3
"""Primary and backup: the same protocol as the built-in `primary-backup`, as a step program.

    threeworlds check --server-faults crash -- python3 primary_backup.py      holds
    threeworlds check -- python3 primary_backup.py                            fails: Agreement

s1 leads; s2 takes over when it no longer hears s1's beat. A leader answers with what is committed: what it
beat to the other server in a round that it survived.
"""

import json
import os
import sys

# --- The protocol -----------------------------------------------------------------------------------------


def start_server(me):
    """Servers beat their register to each other in every round: silence means that the other has crashed."""
    return beat_and_reply(me, {"leads": me == "s1", "register": None, "committed": None}, [])


def step_server(me, state, received):
    beats = [message["beat"] for _, message in received if "beat" in message]
    leads = state["leads"] or not beats
    register = state["register"]
    if register is None:
        if leads:
            writes = (message.get("value") for _, message in received if message.get("op") == "write")
            register = next(writes, None)
        else:
            register = beats[0]
    # The last beat left in a round that this server has just survived.
    state = {"leads": leads, "register": register, "committed": state["register"]}
    return beat_and_reply(me, state, received)


def beat_and_reply(me, state, received):
    send = [("s2" if me == "s1" else "s1", {"beat": state["register"]})]
    if state["leads"]:
        for sender, message in received:
            # A read may be told that nothing is committed, a write has to wait.
            op = message.get("op")
            if op == "read" or (op is not None and state["committed"] is not None):
                send.append((sender, {"reply": state["committed"], "number": message["number"]}))
    return state, send


def start_client():
    return {"number": 0, "pending": None}, []


def step_client(state, request, received):
    """Asks both servers in every round until one answers. Requests have numbers, so that a late reply to
    the last one is not taken for a reply to this one."""
    number, pending = state["number"], state["pending"]
    if request is not None:
        number, pending = number + 1, request
    if pending is None:
        return {"number": number, "pending": None}, [], None
    for _, message in received:
        if message["number"] == number:
            return {"number": number, "pending": None}, [], {"value": message["reply"]}
    message = {**pending, "number": number}
    return {"number": number, "pending": pending}, [("s1", message), ("s2", message)], None


# --- The plumbing: JSON lines on stdin, each answered with one on stdout, in order ------------------------


def answer(line):
    call = json.loads(line)
    response = None
    if "start" in call:
        me, servers = call["start"]["process"], call["start"]["servers"]
        if len(servers) != 2:
            sys.exit(f"primary_backup.py is a protocol for exactly 2 servers, not for {len(servers)}")
        state, send = start_server(me) if me.startswith("s") else start_client()
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
