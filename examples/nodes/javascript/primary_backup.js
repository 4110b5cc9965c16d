#!/usr/bin/env node
// Primary and backup: a key-value store (lin-kv) that goes on alone when the others fall silent.
//
// The primary answers a request when every other node that it hears has the result, and alone when it hears
// none. When nobody has led for a second, the node with the latest store takes over.
//
// It tolerates crashes of all nodes but one, as long as messages take far less than a second. It stops being
// right when messages are lost: silence is taken for a crash. Two nodes that cannot hear each other both lead,
// both answer, and after healing the writes of one are gone. With two nodes every store has to do this or stop
// answering; with three there are better ones: see raft.js. A node that is started again has lost its store;
// it takes that of the others.
//
//     threeworlds attack --servers 2 --server-faults crash -- node primary_backup.js     survives
//     threeworlds attack --servers 2 -- node primary_backup.js                           fails: safety
//
// Each message carries the whole store: right for the few keys of a test, and nothing is ever missed.
"use strict";

const { isDeepStrictEqual: equal } = require("node:util");
const node = require("./node");

const BEAT = 100; // milliseconds
const SILENT = 1000;

let store = new Map();
// How recent the store is: a new leader starts a new epoch. Equal stamps mean equal stores.
let stamp = { epoch: 0, leader: "", requests: 0 };
let leads = false;
let waiting = []; // requests whose result others do not have yet: { stamp, message, answer }
const heard = new Map(); // node: when we last heard it
const stamps = new Map(); // node: the stamp that it told us last
let leaderHeard = 0;
let lastTick = 0;

// --- Requests ---------------------------------------------------------------------------------------------

// Carries a request out, a read too, and answers it once the others have heard of it: a read that showed what
// only this node knows would be undone by a crash.
function request(message) {
  if (!leads) {
    node.reply(message, { type: "error", code: 11, text: "this node is not the primary" });
    return;
  }
  const answer = apply(message.body);
  stamp = { ...stamp, requests: stamp.requests + 1 };
  waiting.push({ stamp, message, answer });
  beat();
  answerWaiting();
}

function apply({ type, key, value, from, to }) {
  if (type === "write") {
    store.set(key, value);
    return { type: "write_ok" };
  }
  if (!store.has(key)) return { type: "error", code: 20, text: "no such key" };
  const current = store.get(key);
  if (type === "read") return { type: "read_ok", value: current };
  if (!equal(current, from)) return { type: "error", code: 22, text: `the value is ${current}` };
  store.set(key, to);
  return { type: "cas_ok" };
}

// Answers, in order, what every node that is alive has.
function answerWaiting() {
  while (waiting.length > 0 && node.others.every((other) => !alive(other) || has(other, waiting[0].stamp))) {
    const { message, answer } = waiting.shift();
    node.reply(message, answer);
  }
}

function has(other, wanted) {
  return compare(stamps.get(other), wanted) >= 0;
}

function compare(a, b) {
  if (a.epoch !== b.epoch) return a.epoch - b.epoch;
  if (a.leader !== b.leader) return a.leader < b.leader ? -1 : 1;
  return a.requests - b.requests;
}

// --- Who leads --------------------------------------------------------------------------------------------

function alive(other) {
  return performance.now() - heard.get(other) < SILENT;
}

function beat() {
  node.broadcast({ type: "beat", leads, stamp, store: leads ? [...store] : null });
}

// Another node's beat: a sign of life, how much it has, and from a leader its store.
function hear({ src: sender, body }) {
  heard.set(sender, performance.now());
  stamps.set(sender, body.stamp);
  const later = compare(body.stamp, stamp);
  if (later > 0 && leads) stopLeading();
  if (body.leads && later >= 0) {
    leaderHeard = performance.now();
    if (later > 0) {
      stamp = body.stamp;
      store = new Map(body.store);
      beat();
    }
  }
  answerWaiting();
}

function tick() {
  const now = performance.now();
  if (now - lastTick > SILENT / 2) {
    // This process was suspended: others may have taken over, and who is silent cannot be told yet.
    stopLeading();
    leaderHeard = now;
    for (const other of node.others) heard.set(other, now);
  }
  lastTick = now;
  if (!leads && now - leaderHeard > SILENT && isLatest()) {
    leads = true;
    stamp = { epoch: stamp.epoch + 1, leader: node.id, requests: 0 };
    node.log("leads", JSON.stringify(stamp));
  }
  beat();
  answerWaiting(); // alone, perhaps
}

// Whether no living node has a later store, or the same and an earlier place in the list.
function isLatest() {
  return node.others.filter(alive).every((other) => {
    const later = compare(stamps.get(other), stamp);
    return later < 0 || (later === 0 && node.ids.indexOf(node.id) < node.ids.indexOf(other));
  });
}

function stopLeading() {
  leads = false;
  for (const { message } of waiting) {
    node.reply(message, { type: "error", code: 0, text: "another node may have taken over" });
  }
  waiting = [];
}

node.onStart(() => {
  lastTick = leaderHeard = performance.now();
  for (const other of node.others) {
    heard.set(other, -Infinity);
    stamps.set(other, stamp);
  }
  setInterval(tick, BEAT);
});
node.on("beat", hear);
for (const kind of ["read", "write", "cas"]) node.on(kind, request);
