# A node of Maelstrom's protocol: one JSON message a line on stdin and stdout, and timers. Copy it as it is.
#
#     node = Node.new
#     node.on("read") { |message| node.reply(message, type: "read_ok", value: 1) }
#     node.every(0.1) { node.broadcast(type: "beat") }
#     node.run
#
# Everything runs in one thread: a block is never interrupted by another. Stdout is for messages only;
# `node.log` writes to stderr. The node ends when its stdin is closed.

require "io/wait"
require "json"

class Node
  attr_reader :id, :ids, :others # "n1"; all nodes, in the same order at every node; all but this one

  def initialize
    @ids = @others = []
    @handlers = {}
    @callbacks = {} # msg_id of a request that was sent: what to do with its reply
    @timers = [] # [time, block]
    @started = []
    @last_number = 0
    on("init") { |message| init(message) }
  end

  # Calls the block with each message of that type. Its content is `message["body"]`, with strings as keys.
  def on(type, &handler)
    @handlers[type] = handler
  end

  # Calls the block once, when the ids are known: the place to start timers.
  def on_start(&action)
    @started << action
  end

  def send(to, body)
    $stdout.write(JSON.generate(src: @id, dest: to, body: body), "\n")
    $stdout.flush
  end

  def broadcast(body)
    @others.each { |other| send(other, body) }
  end

  def reply(request, body)
    send(request["src"], body.merge(in_reply_to: request["body"]["msg_id"]))
  end

  # Sends a request and calls the block with the body of the reply, or never if none comes in that time.
  def rpc(to, body, seconds: 2.0, &callback)
    number = (@last_number += 1)
    @callbacks[number] = callback
    after(seconds) { @callbacks.delete(number) }
    send(to, body.merge(msg_id: number))
  end

  # Calls the block once, that much later.
  def after(seconds, &action)
    time = now + seconds
    @timers.insert(@timers.bsearch_index { |other, _| other > time } || @timers.size, [time, action])
  end

  # Calls the block again and again. Ticks that were missed (a suspended process) are not made up.
  def every(seconds, &action)
    after(seconds) do
      every(seconds, &action)
      action.call
    end
  end

  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end

  def log(*words)
    warn([@id, *words].join(" "))
  end

  # Handles messages and timers until stdin is closed.
  def run
    unread = +""
    loop do
      # What has already arrived goes first: after a pause, silence is judged with the mail read.
      pause = [@timers.first[0] - now, 0].max unless @timers.empty?
      if $stdin.wait_readable(pause)
        unread << $stdin.readpartial(65_536)
        while (line = unread.slice!(/\A.*\n/))
          receive(JSON.parse(line))
        end
      else
        @timers.shift[1].call
      end
    end
  rescue EOFError, Errno::EPIPE
    nil # nobody talks to this node any more
  end

  private

  def receive(message)
    body = message["body"]
    if body.key?("in_reply_to")
      @callbacks.delete(body["in_reply_to"])&.call(body)
    elsif @handlers.key?(body["type"])
      @handlers[body["type"]].call(message)
    else
      reply(message, type: "error", code: 10, text: "no such request: #{body["type"]}")
    end
  end

  def init(message)
    @id = message["body"]["node_id"]
    @ids = message["body"]["node_ids"]
    @others = @ids - [@id]
    reply(message, type: "init_ok")
    @started.each(&:call)
  end
end
