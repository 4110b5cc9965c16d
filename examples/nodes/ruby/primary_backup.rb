#!/usr/bin/env ruby
# Primary and backup: a key-value store (lin-kv) that goes on alone when the others fall silent.
#
# The primary answers a request when every other node that it hears has the result, and alone when it hears
# none. When nobody has led for a second, the node with the latest store takes over.
#
# It tolerates crashes of all nodes but one, as long as messages take far less than a second. It stops being
# right when messages are lost: silence is taken for a crash. Two nodes that cannot hear each other both lead,
# both answer, and after healing the writes of one are gone. With two nodes every store has to do this or stop
# answering; with three there are better ones: see raft.rb. A node that is started again has lost its store;
# it takes that of the others.
#
#     threeworlds attack --servers 2 --server-faults crash -- ruby primary_backup.rb     survives
#     threeworlds attack --servers 2 -- ruby primary_backup.rb                           fails: safety
#
# Each message carries the whole store: right for the few keys of a test, and nothing is ever missed.

require_relative "node"

class PrimaryBackup
  BEAT_SECONDS = 0.1
  SILENT_SECONDS = 1.0

  def initialize(node)
    @node = node
    @store = {}
    # How recent the store is: [epoch, who leads it, requests so far]. A new leader starts a new epoch. Stamps
    # are compared from the left, and equal stamps mean equal stores.
    @stamp = [0, "", 0]
    @leads = false
    @waiting = [] # requests whose result others do not have yet: [stamp, message, answer]
    @heard = Hash.new(-Float::INFINITY) # node: when we last heard it
    @stamps = Hash.new([0, "", 0]) # node: the stamp that it told us last

    node.on_start do
      @last_tick = @leader_heard = node.now
      node.every(BEAT_SECONDS) { tick }
    end
    node.on("beat") { |message| hear(message["src"], message["body"]) }
    %w[read write cas].each { |kind| node.on(kind) { |message| request(message) } }
  end

  # --- Requests -------------------------------------------------------------------------------------------

  # Carries a request out, a read too, and answers it once the others have heard of it: a read that showed
  # what only this node knows would be undone by a crash.
  def request(message)
    unless @leads
      @node.reply(message, type: "error", code: 11, text: "this node is not the primary")
      return
    end
    answer = apply(message["body"])
    @stamp = [@stamp[0], @node.id, @stamp[2] + 1]
    @waiting << [@stamp, message, answer]
    beat
    answer_waiting
  end

  def apply(body)
    key = body["key"]
    if body["type"] == "write"
      @store[key] = body["value"]
      return { type: "write_ok" }
    end
    return { type: "error", code: 20, text: "no such key" } unless @store.key?(key)
    return { type: "read_ok", value: @store[key] } if body["type"] == "read"
    return { type: "error", code: 22, text: "the value is #{@store[key]}" } if @store[key] != body["from"]

    @store[key] = body["to"]
    { type: "cas_ok" }
  end

  # Answers, in order, what every node that is alive has.
  def answer_waiting
    until @waiting.empty? || living.any? { |other| older?(@stamps[other], @waiting.first[0]) }
      _, message, answer = @waiting.shift
      @node.reply(message, answer)
    end
  end

  # --- Who leads ------------------------------------------------------------------------------------------

  def older?(stamp, other)
    (stamp <=> other).negative?
  end

  def living
    @node.others.select { |other| @node.now - @heard[other] < SILENT_SECONDS }
  end

  def beat
    @node.broadcast(type: "beat", leads: @leads, stamp: @stamp, store: (@store.to_a if @leads))
  end

  # Another node's beat: a sign of life, how much it has, and from a leader its store.
  def hear(sender, body)
    @heard[sender] = @node.now
    @stamps[sender] = body["stamp"]
    stop_leading if @leads && older?(@stamp, body["stamp"])
    if body["leads"] && !older?(body["stamp"], @stamp)
      @leader_heard = @node.now
      if body["stamp"] != @stamp
        @stamp = body["stamp"]
        @store = body["store"].to_h
        beat
      end
    end
    answer_waiting
  end

  def tick
    if @node.now - @last_tick > SILENT_SECONDS / 2
      # This process was suspended: others may have taken over, and who is silent cannot be told yet.
      stop_leading
      @leader_heard = @node.now
      @node.others.each { |other| @heard[other] = @node.now }
    end
    @last_tick = @node.now
    if !@leads && @node.now - @leader_heard > SILENT_SECONDS && latest?
      @leads = true
      @stamp = [@stamp[0] + 1, @node.id, 0]
      @node.log("leads", @stamp)
    end
    beat
    answer_waiting # alone, perhaps
  end

  # Whether no living node has a later store, or the same and an earlier place in the list.
  def latest?
    living.all? do |other|
      older?(@stamps[other], @stamp) ||
        (@stamps[other] == @stamp && @node.ids.index(@node.id) < @node.ids.index(other))
    end
  end

  def stop_leading
    @leads = false
    @waiting.each do |_, message, _|
      @node.reply(message, type: "error", code: 0, text: "another node may have taken over")
    end
    @waiting.clear
  end
end

node = Node.new
PrimaryBackup.new(node)
node.run
