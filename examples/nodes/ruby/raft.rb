#!/usr/bin/env ruby
# Raft: a key-value store (lin-kv) on a replicated log, right whatever messages are lost.
#
# Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", figure 2, with three additions
# that omissions ask for. A leader that no longer hears a majority steps down, and a node that hears a leader
# does not vote (Ongaro's thesis, 6.2 and 4.2.3): without them a leader whose messages arrive but who receives
# nothing blocks everybody. And a follower passes requests on to the leader and answers them itself when they
# are in its own log, so that a client needs to reach any node, not the leader.
#
# It tolerates any omissions, delays and pauses, and crashes of fewer than half of the nodes. It stops
# answering, and never lies, where no majority can talk: two nodes that cannot hear each other both stall. It
# keeps its log in memory: a node that crashed must not be started again under its name, and the log grows.
#
#     threeworlds attack --servers 3 -- ruby raft.rb      survives
#     threeworlds attack --servers 2 -- ruby raft.rb      fails: liveness

require_relative "node"

# One node. Its log starts with an empty entry 0, so that every entry has one before it.
class Raft
  BEAT_SECONDS = 0.1
  ELECTION_SECONDS = 0.5 # a follower waits this long, up to twice as long, before it becomes a candidate
  GIVE_UP_SECONDS = 1.0

  def initialize(node)
    @node = node
    @term = 0
    @voted_for = nil
    @log = [{ "term" => 0 }]
    @committed = 0 # entries up to this one are in the log of a majority, for ever
    @applied = 0
    @store = {}
    @role = :follower
    @leader = nil # whom this node follows in its term
    @votes = []
    @next = {} # for a leader: follower: the entry to send next
    @match = {} # for a leader: follower: the last entry known to be in its log
    @heard = {} # for a leader: follower: when it last answered
    @requests = 0
    @pending = {} # id of a request: the client's message
    listen
  end

  def listen
    @node.on_start do
      wait_for_leader
      @node.every(BEAT_SECONDS) { beat }
      @node.every(BEAT_SECONDS / 4) { tick }
    end
    %w[read write cas].each { |kind| @node.on(kind) { |message| request(message) } }
    @node.on("forward") { |message| propose(message["body"]["id"], message["body"]["request"]) }
    @node.on("vote") { |message| vote(message["src"], message["body"]) }
    @node.on("vote_ok") { |message| vote_ok(message["src"], message["body"]) }
    @node.on("append") { |message| appended(message["src"], message["body"]) }
    @node.on("append_ok") { |message| append_ok(message["src"], message["body"]) }
  end

  def last_index
    @log.size - 1
  end

  def majority
    (@node.ids.size / 2) + 1
  end

  # --- Requests -------------------------------------------------------------------------------------------

  def request(message)
    if @leader.nil?
      @node.reply(message, type: "error", code: 11, text: "no leader is known")
      return
    end
    to = @leader
    id = "#{@node.id}:#{@requests += 1}"
    @pending[id] = message
    @node.after(GIVE_UP_SECONDS) do
      # It may be in somebody's log: nobody can say yet whether it will be applied.
      finish(id, type: "error", code: 0, text: "#{to} led and could not commit it in time")
    end
    if to == @node.id
      propose(id, message["body"])
    else
      @node.send(to, type: "forward", id: id, request: message["body"])
    end
  end

  def finish(id, answer)
    message = @pending.delete(id)
    @node.reply(message, answer) if message
  end

  def propose(id, body)
    return unless @role == :leader # it led when this was sent; whoever sent it gives up by itself

    @log << { "term" => @term, "id" => id, "body" => body }
    @node.others.each { |other| append(other) }
    advance
  end

  def apply_committed
    while @applied < @committed
      entry = @log[@applied += 1]
      finish(entry["id"], apply(entry["body"])) if entry["body"] # at whichever node the client asked
    end
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

  # --- Elections ------------------------------------------------------------------------------------------

  def follow(term)
    if term > @term
      @term = term
      @voted_for = nil
      @leader = nil
    end
    wait_for_leader if @role == :leader
    @role = :follower
  end

  def wait_for_leader
    @leader_heard = @node.now
    @election_timeout = ELECTION_SECONDS * rand(1.0..2.0)
  end

  def tick
    if @role == :leader
      reached = @node.others.count { |other| @node.now - @heard[other] < 2 * ELECTION_SECONDS } + 1
      if reached < majority
        follow(@term)
        @leader = nil
        @election_timeout *= 2 # whoever is heard better goes first
      end
    elsif @node.now - @leader_heard > @election_timeout
      campaign
    end
  end

  def campaign
    follow(@term + 1)
    @role = :candidate
    @voted_for = @node.id
    @votes = [@node.id]
    wait_for_leader
    @node.broadcast(type: "vote", term: @term, last: last_index, last_term: @log.last["term"])
    count_votes
  end

  def vote(sender, body)
    hears_leader = @role == :leader || (@leader && @node.now - @leader_heard < ELECTION_SECONDS)
    return if hears_leader

    follow(body["term"]) if body["term"] > @term
    complete = ([body["last_term"], body["last"]] <=> [@log.last["term"], last_index]) >= 0
    granted = body["term"] == @term && complete && [nil, sender].include?(@voted_for)
    if granted
      @voted_for = sender
      wait_for_leader
    end
    @node.send(sender, type: "vote_ok", term: @term, granted: granted)
  end

  def vote_ok(sender, body)
    follow(body["term"]) if body["term"] > @term
    return unless @role == :candidate && body["term"] == @term && body["granted"]

    @votes |= [sender]
    count_votes
  end

  def count_votes
    return if @votes.size < majority

    @node.log("leads in term", @term)
    @role = :leader
    @leader = @node.id
    @node.others.each do |other|
      @next[other] = @log.size
      @match[other] = 0
      @heard[other] = @node.now
    end
    @log << { "term" => @term } # an entry of this term, so that those of earlier terms can be committed
    beat
    advance
  end

  # --- Replication ----------------------------------------------------------------------------------------

  def beat
    @node.others.each { |other| append(other) } if @role == :leader
  end

  def append(other)
    previous = @next[other] - 1
    @node.send(other, type: "append", term: @term, previous: previous, previous_term: @log[previous]["term"],
                      entries: @log[previous + 1, 100], committed: @committed)
  end

  def appended(sender, body)
    if body["term"] >= @term
      follow(body["term"])
      @leader = sender
      wait_for_leader
      matched = take(body)
    end
    @node.send(sender, type: "append_ok", term: @term, match: matched, last: last_index)
  end

  # Makes the log equal to the leader's up to the last of these entries, and says up to where, or nil if it is
  # not known to be equal before them.
  def take(body)
    previous = body["previous"]
    return nil unless @log[previous] && @log[previous]["term"] == body["previous_term"]

    body["entries"].each.with_index(previous + 1) do |entry, index|
      @log.slice!(index..) if @log[index] && @log[index]["term"] != entry["term"] # not the leader's from there on
      @log[index] = entry
    end
    matched = previous + body["entries"].size
    @committed = [@committed, [body["committed"], matched].min].max
    apply_committed
    matched
  end

  def append_ok(sender, body)
    follow(body["term"]) if body["term"] > @term
    return unless @role == :leader && body["term"] == @term

    @heard[sender] = @node.now
    if body["match"].nil?
      @next[sender] = [@match[sender] + 1, [@next[sender] - 1, body["last"] + 1].min].max
      append(sender)
    else
      @match[sender] = [@match[sender], body["match"]].max
      @next[sender] = @match[sender] + 1
      advance
    end
  end

  # Commits what a majority has, but only up to an entry of this term: an older one could still be replaced
  # (section 5.4.2 of the paper).
  def advance
    last_index.downto(@committed + 1) do |index|
      break if @log[index]["term"] != @term

      copies = @node.others.count { |other| @match[other] >= index } + 1
      if copies >= majority
        @committed = index
        return apply_committed
      end
    end
  end
end

node = Node.new
Raft.new(node)
node.run
