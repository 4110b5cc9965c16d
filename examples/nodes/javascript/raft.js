#!/usr/bin/env node
// Raft: a key-value store (lin-kv) on a replicated log, right whatever messages are lost.
//
// Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", figure 2, with three additions
// that omissions ask for. A leader that no longer hears a majority steps down, and a node that hears a leader
// does not vote (Ongaro's thesis, 6.2 and 4.2.3): without them a leader whose messages arrive but who receives
// nothing blocks everybody. And a follower passes requests on to the leader and answers them itself when they
// are in its own log, so that a client needs to reach any node, not the leader.
//
// It tolerates any omissions, delays and pauses, and crashes of fewer than half of the nodes. It stops
// answering, and never lies, where no majority can talk: two nodes that cannot hear each other both stall. It
// keeps its log in memory: a node that crashed must not be started again under its name, and the log grows.
//
//     threeworlds attack --servers 3 -- node raft.js      survives
//     threeworlds attack --servers 2 -- node raft.js      fails: liveness
"use strict";

const { isDeepStrictEqual: equal } = require("node:util");
const node = require("./node");

const BEAT = 100; // milliseconds
const ELECTION = 500; // a follower waits this long, up to twice as long, before it becomes a candidate
const GIVE_UP = 1000;

let term = 0;
let votedFor = null;
let log = [{ term: 0 }]; // from 1 on; entry 0 is there so that every entry has one before it
let committed = 0; // entries up to this one are in the log of a majority, for ever
let applied = 0;
const store = new Map();

let role = "follower";
let leader = null; // whom this node follows in its term
let votes = new Set();
let next = new Map(); // for a leader: follower: the entry to send next
let match = new Map(); // for a leader: follower: the last entry known to be in its log
let heard = new Map(); // for a leader: follower: when it last answered
let leaderHeard = 0;
let electionTimeout = 0;

const lastIndex = () => log.length - 1;
const majority = () => Math.floor(node.ids.length / 2) + 1;

// --- Requests ---------------------------------------------------------------------------------------------

let requests = 0;
const pending = new Map(); // id of a request: the client's message

function request(message) {
  const to = role === "leader" ? node.id : leader;
  if (to === null) {
    node.reply(message, { type: "error", code: 11, text: "no leader is known" });
    return;
  }
  const id = `${node.id}:${++requests}`;
  pending.set(id, message);
  setTimeout(() => {
    // It may be in somebody's log: nobody can say yet whether it will be applied.
    finish(id, { type: "error", code: 0, text: `${to} led and could not commit it in time` });
  }, GIVE_UP);
  if (to === node.id) propose({ id, body: message.body });
  else node.send(to, { type: "forward", id, request: message.body });
}

function finish(id, answer) {
  const message = pending.get(id);
  pending.delete(id);
  if (message) node.reply(message, answer);
}

function propose({ id, body }) {
  if (role !== "leader") return; // it led when this was sent; whoever sent it gives up by itself
  log.push({ term, id, body });
  for (const other of node.others) append(other);
  advance();
}

function applyCommitted() {
  while (applied < committed) {
    const { id, body } = log[++applied];
    if (body) finish(id, apply(body)); // at whichever node the client asked
  }
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

// --- Elections --------------------------------------------------------------------------------------------

function follow(newTerm) {
  if (newTerm > term) {
    term = newTerm;
    votedFor = null;
    leader = null;
  }
  if (role === "leader") waitForLeader();
  role = "follower";
}

function waitForLeader() {
  leaderHeard = performance.now();
  electionTimeout = ELECTION * (1 + Math.random());
}

function tick() {
  const now = performance.now();
  if (role === "leader") {
    const reached = node.others.filter((other) => now - heard.get(other) < 2 * ELECTION).length + 1;
    if (reached < majority()) {
      follow(term);
      leader = null;
      electionTimeout *= 2; // whoever is heard better goes first
    }
  } else if (now - leaderHeard > electionTimeout) {
    campaign();
  }
}

function campaign() {
  follow(term + 1);
  role = "candidate";
  votedFor = node.id;
  votes = new Set([node.id]);
  waitForLeader();
  node.broadcast({ type: "vote", term, last: lastIndex(), lastTerm: log[lastIndex()].term });
  countVotes();
}

function vote({ src, body }) {
  if (role === "leader" || (leader !== null && performance.now() - leaderHeard < ELECTION)) return;
  if (body.term > term) follow(body.term);
  const lastTerm = log[lastIndex()].term;
  const complete = body.lastTerm > lastTerm || (body.lastTerm === lastTerm && body.last >= lastIndex());
  const granted = body.term === term && complete && (votedFor === null || votedFor === src);
  if (granted) {
    votedFor = src;
    waitForLeader();
  }
  node.send(src, { type: "vote_ok", term, granted });
}

function voteOk({ src, body }) {
  if (body.term > term) follow(body.term);
  if (role !== "candidate" || body.term !== term || !body.granted) return;
  votes.add(src);
  countVotes();
}

function countVotes() {
  if (votes.size < majority()) return;
  node.log("leads in term", term);
  role = "leader";
  leader = node.id;
  next = new Map(node.others.map((other) => [other, log.length]));
  match = new Map(node.others.map((other) => [other, 0]));
  heard = new Map(node.others.map((other) => [other, performance.now()]));
  log.push({ term }); // an entry of this term, so that those of earlier terms can be committed
  beat();
  advance();
}

// --- Replication ------------------------------------------------------------------------------------------

function beat() {
  if (role === "leader") for (const other of node.others) append(other);
}

function append(other) {
  const previous = next.get(other) - 1;
  const entries = log.slice(previous + 1, previous + 101);
  node.send(other, { type: "append", term, previous, previousTerm: log[previous].term, entries, committed });
}

function appended({ src, body }) {
  if (body.term < term) {
    node.send(src, { type: "append_ok", term, match: null, last: lastIndex() });
    return;
  }
  follow(body.term);
  leader = src;
  waitForLeader();
  if (log[body.previous]?.term !== body.previousTerm) {
    node.send(src, { type: "append_ok", term, match: null, last: lastIndex() });
    return;
  }
  body.entries.forEach((entry, offset) => {
    const index = body.previous + 1 + offset;
    if (log[index]?.term !== entry.term) log.length = index; // what follows a different entry is not the leader's
    log[index] = entry;
  });
  const matched = body.previous + body.entries.length;
  committed = Math.max(committed, Math.min(body.committed, matched));
  applyCommitted();
  node.send(src, { type: "append_ok", term, match: matched, last: lastIndex() });
}

function appendOk({ src, body }) {
  if (body.term > term) follow(body.term);
  if (role !== "leader" || body.term !== term) return;
  heard.set(src, performance.now());
  if (body.match === null) {
    next.set(src, Math.max(match.get(src) + 1, Math.min(next.get(src) - 1, body.last + 1)));
    append(src);
    return;
  }
  match.set(src, Math.max(match.get(src), body.match));
  next.set(src, match.get(src) + 1);
  advance();
}

// Commits what a majority has, but only up to an entry of this term: an older one could still be replaced
// (section 5.4.2 of the paper).
function advance() {
  for (let index = lastIndex(); index > committed && log[index].term === term; index--) {
    const copies = node.others.filter((other) => match.get(other) >= index).length + 1;
    if (copies >= majority()) {
      committed = index;
      applyCommitted();
      return;
    }
  }
}

node.onStart(() => {
  waitForLeader();
  setInterval(beat, BEAT);
  setInterval(tick, BEAT / 4);
});
for (const kind of ["read", "write", "cas"]) node.on(kind, request);
node.on("forward", ({ body }) => propose({ id: body.id, body: body.request }));
node.on("vote", vote);
node.on("vote_ok", voteOk);
node.on("append", appended);
node.on("append_ok", appendOk);
