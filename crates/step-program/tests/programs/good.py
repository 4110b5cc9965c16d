"""A well-behaved step program: it counts, passes on what it receives and answers requests.

Its keys come in another order every time, which must not matter.
"""
import json
import sys

turn = 0


def shuffled(value):
    return dict(reversed(value.items())) if turn % 2 else value


for text in sys.stdin:
    line = json.loads(text)
    turn += 1
    if "start" in line:
        answer = {"id": line["id"], "state": shuffled({"n": 0, "me": line["start"]["process"]})}
    else:
        step = line["step"]
        state = {**step["state"], "n": step["state"]["n"] + 1}
        send = [shuffled({"to": it["from"], "message": shuffled({"got": it["message"], "n": state["n"]})})
                for it in step["received"]]
        request = step["request"]
        response = request and {"value": request.get("value")}
        answer = {"id": line["id"], "state": shuffled(state), "send": send, "response": response}
    print(json.dumps(shuffled(answer)), flush=True)
