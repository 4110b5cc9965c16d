#!/usr/bin/env python3
"""A node to copy: a key-value store (lin-kv) on one server.

    threeworlds attack --servers 1 -- python3 template.py      survives: there is nobody to disagree with
    threeworlds attack --servers 2 -- python3 template.py      fails: each node has a store of its own

Replace the three handlers by your own store. `node.py`, beside this file, is the plumbing.
"""

from node import Node

node = Node()
store = {}


def read(message):
    key = message["body"]["key"]
    if key in store:
        node.reply(message, {"type": "read_ok", "value": store[key]})
    else:
        node.reply(message, {"type": "error", "code": 20, "text": "no such key"})


def write(message):
    store[message["body"]["key"]] = message["body"]["value"]
    node.reply(message, {"type": "write_ok"})


def cas(message):
    body = message["body"]
    if body["key"] not in store:
        node.reply(message, {"type": "error", "code": 20, "text": "no such key"})
    elif store[body["key"]] != body["from"]:
        node.reply(message, {"type": "error", "code": 22, "text": f"the value is {store[body['key']]}"})
    else:
        store[body["key"]] = body["to"]
        node.reply(message, {"type": "cas_ok"})


node.on("read", read)
node.on("write", write)
node.on("cas", cas)
node.run()
