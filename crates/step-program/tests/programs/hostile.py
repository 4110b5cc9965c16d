"""Step programs that go wrong in one way each: hostile.py BEHAVIOUR PID_FILE [ARGUMENT]

Each first writes its process id to PID_FILE, so that the test can see whether it is gone. `answer` is a good
answer. Most misbehave from line TURNS on, when a few good answers are given.
"""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

TURNS = 5


def main():
    behaviour, pid_file = sys.argv[1:3]
    with open(pid_file + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(pid_file + ".new", pid_file)
    globals()[behaviour]()


def lines():
    return (json.loads(text) for text in sys.stdin)


def answer(line, **other):
    state = line["step"]["state"] if "step" in line else "start"
    return json.dumps({"id": line["id"], "state": state, "send": [], "response": None, **other})


def say(text):
    print(text, flush=True)


def from_turn(turns, misbehave):
    for turn, line in enumerate(lines()):
        say(answer(line)) if turn < turns else misbehave(line)


def sleep_for_ever():
    while True:
        time.sleep(1000)


def crash_at_start():
    print("the table is missing", file=sys.stderr)
    sys.exit(3)


def crash_later():
    def crash(_):
        print("x" * 10_000 + "\nlast words", file=sys.stderr)
        sys.exit(3)
    from_turn(TURNS, crash)


def killed():
    from_turn(TURNS, lambda _: os.kill(os.getpid(), signal.SIGKILL))


def ends():
    from_turn(TURNS, lambda _: sys.exit(0))


def closes_stdout():
    def close(_):
        os.close(1)
        sleep_for_ever()
    from_turn(TURNS, close)


def ends_within_a_line():
    def end(line):
        sys.stdout.write(answer(line)[:20])
        sys.stdout.flush()
        os._exit(0)
    from_turn(TURNS, end)


def hang():
    from_turn(TURNS, lambda _: sleep_for_ever())


def reads_nothing():
    sleep_for_ever()


def does_not_flush():
    sys.stdout = open(1, "w", buffering=1 << 16)  # a buffer even where PYTHONUNBUFFERED is set
    for line in lines():
        print(answer(line))


def no_newline():
    for line in lines():
        sys.stdout.write(answer(line))
        sys.stdout.flush()


def rubbish():
    for line in lines():
        say("debug: it works \x1b[31m")
        say(answer(line))


def rubbish_later():
    from_turn(TURNS, lambda line: say(f"Traceback: {line['id']}"))


def number():
    from_turn(TURNS, lambda _: say("42"))


def out_of_order():
    first = None
    for line in lines():
        if first is None:
            first = line
        else:
            say(answer(line) + "\n" + answer(first))
            first = None


def wrong_id():
    from_turn(TURNS, lambda line: say(answer(line, id=999_999)))


def twice():
    from_turn(TURNS, lambda line: say(answer(line) + "\n" + answer(line)))


def farewell():
    from_turn(10**9, None)
    say("goodbye")


def floods():
    while True:
        say('{"id":0,"state":0}')


def unknown_key():
    from_turn(TURNS, lambda line: say(answer(line, process="s1")))


def no_state():
    from_turn(TURNS, lambda line: say(json.dumps({"id": line["id"]})))


def not_a_process():
    from_turn(TURNS, lambda line: say(answer(line, send=[{"to": "server2", "message": 1}])))


def random_state():
    for line in lines():
        say(answer(line, state=random.random()))


def counts():
    for turn, line in enumerate(lines()):
        say(answer(line, state=turn))


def forgets():
    """Right for a long time, then wrong about old questions only."""
    for turn, line in enumerate(lines()):
        old = turn > 3000 and "step" in line and line["step"]["state"]["n"] < 64
        say(answer(line, state="forgotten" if old else "known"))


def by_run():
    for line in lines():
        say(answer(line, state=["x" * 500, os.getpid(), "y" * 500]))


def huge_line():
    while True:
        sys.stdout.write("x" * 65536)


def endless_stderr():
    def shout():
        while True:
            sys.stderr.write("noise " * 1000 + "\n")
    threading.Thread(target=shout, daemon=True).start()
    from_turn(10**9, None)
    os._exit(0)


def ignores_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    from_turn(10**9, None)
    sleep_for_ever()


def grandchild():
    """It sleeps for ever; ARGUMENT is the file for its process id, and then what to do with the pipes."""
    kept = {"inherit": None, "closed": subprocess.DEVNULL}[sys.argv[4]]
    child = subprocess.Popen([sys.executable, __file__, "reads_nothing", sys.argv[3]],
                             stdout=kept, stderr=kept, stdin=subprocess.DEVNULL)
    from_turn(10**9, None)


def runaway():
    """A grandchild in a session of its own, which holds the pipes open."""
    subprocess.Popen([sys.executable, __file__, "reads_nothing", sys.argv[3]],
                     stdin=subprocess.DEVNULL, start_new_session=True)
    from_turn(10**9, None)


def not_utf8():
    from_turn(TURNS, lambda line: os.write(1, b'{"id":%d,"state":"\xff"}\n' % line["id"]))


def empty_line():
    from_turn(TURNS, lambda _: say(""))


def nan():
    from_turn(TURNS, lambda line: say(answer(line, state=float("nan"))))


def deep():
    from_turn(TURNS, lambda line: say('{"id":%d,"state":%s}' % (line["id"], "[" * 100_000 + "]" * 100_000)))


def large_integer():
    from_turn(TURNS, lambda line: say(answer(line, state={"seen": 2**64})))


main()
