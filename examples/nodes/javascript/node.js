// A node of Maelstrom's protocol: one JSON message a line on stdin and stdout. Copy it as it is.
//
//     const node = require("./node");
//     node.on("read", (message) => node.reply(message, { type: "read_ok", value: 1 }));
//     node.onStart(() => setInterval(() => node.broadcast({ type: "beat" }), 100));
//
// A handler or timer is never interrupted by another. Stdout is for messages only; `node.log` writes to
// stderr. The node ends when its stdin is closed.
"use strict";

const readline = require("node:readline");

const handlers = new Map();
const callbacks = new Map(); // msg_id of a request that was sent: what to do with its reply
const started = [];
let lastNumber = 0;

const node = {
  id: null, // "n1", known from `init` on
  ids: [], // all nodes, this one included, in the same order at every node
  others: [],

  // Calls `handler(message)` for each message of that type. Its content is `message.body`.
  on(type, handler) {
    handlers.set(type, handler);
  },

  // Calls `action()` once, when the ids are known: the place to start timers.
  onStart(action) {
    started.push(action);
  },

  send(to, body) {
    process.stdout.write(JSON.stringify({ src: node.id, dest: to, body }) + "\n");
  },

  broadcast(body) {
    for (const other of node.others) node.send(other, body);
  },

  reply(request, body) {
    node.send(request.src, { ...body, in_reply_to: request.body.msg_id });
  },

  // Sends a request and calls `callback(body of the reply)`, or never if none comes in that time.
  rpc(to, body, callback, milliseconds = 2000) {
    const number = ++lastNumber;
    callbacks.set(number, callback);
    setTimeout(() => callbacks.delete(number), milliseconds);
    node.send(to, { ...body, msg_id: number });
  },

  log(...words) {
    console.error(node.id, ...words);
  },
};

node.on("init", (message) => {
  node.id = message.body.node_id;
  node.ids = message.body.node_ids;
  node.others = node.ids.filter((other) => other !== node.id);
  node.reply(message, { type: "init_ok" });
  for (const action of started) action();
});

function receive(message) {
  const { type, in_reply_to: number } = message.body;
  if (number !== undefined) {
    const callback = callbacks.get(number);
    callbacks.delete(number);
    if (callback) callback(message.body);
  } else if (handlers.has(type)) {
    handlers.get(type)(message);
  } else {
    node.reply(message, { type: "error", code: 10, text: `no such request: ${type}` });
  }
}

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => receive(JSON.parse(line)))
  .on("close", () => process.exit(0));
process.stdout.on("error", () => process.exit(1)); // nobody reads it any more

module.exports = node;
