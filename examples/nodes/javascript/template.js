#!/usr/bin/env node
// A node to copy: a key-value store (lin-kv) on one server.
//
//     threeworlds attack --servers 1 -- node template.js      survives: there is nobody to disagree with
//     threeworlds attack --servers 2 -- node template.js      fails: each node has a store of its own
//
// Replace the three handlers by your own store. `node.js`, beside this file, is the plumbing.
"use strict";

const { isDeepStrictEqual: equal } = require("node:util");
const node = require("./node");

const store = new Map();

node.on("read", (message) => {
  const { key } = message.body;
  if (store.has(key)) {
    node.reply(message, { type: "read_ok", value: store.get(key) });
  } else {
    node.reply(message, { type: "error", code: 20, text: "no such key" });
  }
});

node.on("write", (message) => {
  store.set(message.body.key, message.body.value);
  node.reply(message, { type: "write_ok" });
});

node.on("cas", (message) => {
  const { key, from, to } = message.body;
  if (!store.has(key)) {
    node.reply(message, { type: "error", code: 20, text: "no such key" });
  } else if (!equal(store.get(key), from)) {
    node.reply(message, { type: "error", code: 22, text: `the value is ${store.get(key)}` });
  } else {
    store.set(key, to);
    node.reply(message, { type: "cas_ok" });
  }
});
