#!/usr/bin/env node
// Primary and backup: the same protocol as the built-in `primary-backup`, as a step program.
//
//     threeworlds check --server-faults crash -- node primary_backup.js      holds
//     threeworlds check -- node primary_backup.js                            fails: Agreement
//
// s1 leads; s2 takes over when it no longer hears s1's beat. A leader answers with what is committed: what it
// beat to the other server in a round that it survived.
"use strict";

// --- The protocol -------------------------------------------------------------------------------------------

// Servers beat their register to each other in every round: silence means that the other has crashed.
function startServer(me) {
  return beatAndReply(me, { leads: me === "s1", register: null, committed: null }, []);
}

function stepServer(me, state, received) {
  const messages = received.map(({ message }) => message);
  const beat = messages.find((message) => "beat" in message);
  const leads = state.leads || beat === undefined;
  let register = state.register;
  if (register === null) {
    const write = messages.find((message) => message.op === "write");
    register = leads ? (write?.value ?? null) : beat.beat;
  }
  // The last beat left in a round that this server has just survived.
  return beatAndReply(me, { leads, register, committed: state.register }, received);
}

function beatAndReply(me, state, received) {
  const send = [{ to: me === "s1" ? "s2" : "s1", message: { beat: state.register } }];
  if (state.leads) {
    for (const { from, message } of received) {
      // A read may be told that nothing is committed, a write has to wait.
      if (message.op === "read" || (message.op === "write" && state.committed !== null)) {
        send.push({ to: from, message: { reply: state.committed, number: message.number } });
      }
    }
  }
  return { state, send };
}

function startClient() {
  return { state: { number: 0, pending: null }, send: [] };
}

// Asks both servers in every round until one answers. Requests have numbers, so that a late reply to the last
// one is not taken for a reply to this one.
function stepClient(state, request, received) {
  const number = state.number + (request === null ? 0 : 1);
  const pending = request ?? state.pending;
  if (pending === null) {
    return { state: { number, pending: null }, send: [] };
  }
  const reply = received.find(({ message }) => message.number === number);
  if (reply !== undefined) {
    return { state: { number, pending: null }, send: [], response: { value: reply.message.reply } };
  }
  const message = { ...pending, number };
  return { state: { number, pending }, send: ["s1", "s2"].map((to) => ({ to, message })) };
}

// --- The plumbing: JSON lines on stdin, each answered with one on stdout, in order --------------------------

function answer(line) {
  const { id, start, step } = JSON.parse(line);
  const { process: me } = start ?? step;
  if (start !== undefined && start.servers.length !== 2) {
    throw new Error(`primary_backup.js is a protocol for exactly 2 servers, not for ${start.servers.length}`);
  }
  const isServer = me.startsWith("s");
  let result;
  if (start !== undefined) {
    result = isServer ? startServer(me) : startClient();
  } else if (isServer) {
    result = stepServer(me, step.state, step.received);
  } else {
    result = stepClient(step.state, step.request, step.received);
  }
  return JSON.stringify({ id, response: null, ...result });
}

// Answers all lines that have arrived and only then waits for more, so that no answer is held back.
let rest = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  process.stdout.write(lines.map((line) => `${answer(line)}\n`).join(""));
});
