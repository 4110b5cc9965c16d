"""client.py IP create quorum|mirrored SERVERS | read KEY | write-once KEY VALUE

Exit status: 0 done (a read prints the value), 3 certainly not done, 4 another value is there (and printed), 6 nothing
is there, anything else: nobody knows.
"""
import sys
import time

import pika
import pika.exceptions

# How long a queue that looks empty is looked at: another reader may have the message in its hands, and puts it back.
PATIENCE = 1.5


def channel_to(ip):
    credentials = pika.PlainCredentials("u", "p")
    parameters = pika.ConnectionParameters(
        ip, credentials=credentials, socket_timeout=2, stack_timeout=4, connection_attempts=1, heartbeat=10)
    return pika.BlockingConnection(parameters).channel()


def look(channel, queue, patience=PATIENCE):
    """The queue's message, which stays there, or None."""
    end = time.monotonic() + patience
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=False)
        if method:
            channel.basic_nack(method.delivery_tag, requeue=True)
            return body.decode()
        if time.monotonic() >= end:
            return None
        time.sleep(0.05)


def main(ip, operation, *arguments):
    try:
        channel = channel_to(ip)
    except Exception as error:
        # Nothing was asked yet.
        print(f"no connection: {error!r}", file=sys.stderr)
        sys.exit(3)
    if operation == "create":
        options = {"x-max-length": 1, "x-overflow": "reject-publish"}
        if arguments[0] == "quorum":
            options.update({"x-queue-type": "quorum", "x-quorum-initial-group-size": int(arguments[1])})
        for key in range(16):
            channel.queue_declare(f"q{key}", durable=True, arguments=options)
        return
    queue = f"q{arguments[0]}"
    if operation == "read":
        found = look(channel, queue)
        if found is None:
            sys.exit(6)
        print(found)
        return
    channel.confirm_delivery()
    persistent = pika.BasicProperties(delivery_mode=2)
    try:
        channel.basic_publish("", queue, arguments[1].encode(), properties=persistent, mandatory=True)
    except pika.exceptions.UnroutableError:
        print("there is no such queue", file=sys.stderr)
        sys.exit(3)
    except pika.exceptions.NackError:
        # Full, or nobody could be asked: what is in the queue tells.
        found = look(channel, queue)
        if found is None:
            sys.exit("rejected, and the queue is empty")
        print(found)
        sys.exit(4)


main(*sys.argv[1:])
