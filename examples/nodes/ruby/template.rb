#!/usr/bin/env ruby
# A node to copy: a key-value store (lin-kv) on one server.
#
#     threeworlds attack --servers 1 -- ruby template.rb      survives: there is nobody to disagree with
#     threeworlds attack --servers 2 -- ruby template.rb      fails: each node has a store of its own
#
# Replace the three blocks by your own store. `node.rb`, beside this file, is the plumbing.

require_relative "node"

node = Node.new
store = {}

node.on("read") do |message|
  key = message["body"]["key"]
  if store.key?(key)
    node.reply(message, type: "read_ok", value: store[key])
  else
    node.reply(message, type: "error", code: 20, text: "no such key")
  end
end

node.on("write") do |message|
  store[message["body"]["key"]] = message["body"]["value"]
  node.reply(message, type: "write_ok")
end

node.on("cas") do |message|
  key, from, to = message["body"].values_at("key", "from", "to")
  if !store.key?(key)
    node.reply(message, type: "error", code: 20, text: "no such key")
  elsif store[key] != from
    node.reply(message, type: "error", code: 22, text: "the value is #{store[key]}")
  else
    store[key] = to
    node.reply(message, type: "cas_ok")
  end
end

node.run
