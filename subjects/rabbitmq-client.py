"""client.py IP create quorum|mirrored SERVERS | read KEY | write-once KEY VALUE

A key's queue is a write-once register: messages stay in it, and its value is the first one. Whoever looks takes the
message and puts it back, so clients that reach each other's server take turns, by a queue that one connection owns.

Exit status: 0 done (a read prints the value), 3 certainly not done, 4 another value is there (and printed), 6 nothing
is there, anything else: nobody knows.
"""
import sys
import time

import pika
import pika.exceptions

# How long somebody else's turn is waited for.
PATIENCE_SECONDS = 2.5


def connect(ip):
    credentials = pika.PlainCredentials("u", "p")
    return pika.BlockingConnection(pika.ConnectionParameters(
        ip, credentials=credentials, socket_timeout=2, stack_timeout=4, connection_attempts=1, heartbeat=4))


def refuse(why):
    print(why, file=sys.stderr)
    sys.exit(3)


def take_turn(connection, key):
    """A channel, once nobody else has the turn. It ends with the connection."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        channel = connection.channel()
        try:
            channel.queue_declare(f"turn-{key}", exclusive=True)
            return channel
        except pika.exceptions.ChannelClosedByBroker as error:
            if error.reply_code != 405 or time.monotonic() >= end:
                refuse(f"no turn: {error!r}")
            time.sleep(0.02)


def first(channel, queue):
    """The queue's first message, which stays there, or None."""
    method, _, body = channel.basic_get(queue, auto_ack=False)
    if method is None:
        return None
    channel.basic_nack(method.delivery_tag, requeue=True)
    return body.decode()


def create(connection, kind, servers):
    options = {}
    if kind == "quorum":
        options = {"x-queue-type": "quorum", "x-quorum-initial-group-size": int(servers)}
    channel = connection.channel()
    for key in range(16):
        channel.queue_declare(f"q{key}", durable=True, arguments=options)


def main(ip, operation, *arguments):
    try:
        connection = connect(ip)
    except Exception as error:
        # Nothing was asked yet.
        refuse(f"no connection: {error!r}")
    if operation == "create":
        return create(connection, *arguments)
    channel = take_turn(connection, arguments[0])
    queue = f"q{arguments[0]}"
    found = first(channel, queue)
    if operation == "read":
        if found is None:
            sys.exit(6)
        print(found)
        return
    value = arguments[1]
    if found is None:
        channel.confirm_delivery()
        persistent = pika.BasicProperties(delivery_mode=2)
        channel.basic_publish("", queue, value.encode(), properties=persistent, mandatory=True)
        # An earlier message of somebody who was not told may have been under way.
        found = first(channel, queue)
    if found is None:
        sys.exit("confirmed, and the queue is empty")
    if found != value:
        print(found)
        sys.exit(4)


main(*sys.argv[1:])
