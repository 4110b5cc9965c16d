#!/bin/sh
# client.sh IP read|write-once|write|cas KEY [VALUE [FROM]]
# Asks the sentinel on IP who is master, as Sentinel's protocol for clients says, and then that master, if it
# says that it is one. Exit status: 0 done (a read prints the value), 3 certainly not done, 4 another value is
# there (and printed), 6 nothing is there, anything else: nobody knows.
ip=$1 operation=$2 key=$3 value=$4 from=$5

refuse() { echo "$1" >&2; exit 3; }

# Without a sentinel there the client keeps to the server that it knows.
answer=$(redis-cli -h "$ip" -p 26379 --raw sentinel get-master-addr-by-name m1 2>/dev/null) || answer=$ip
master=$(printf '%s\n' "$answer" | head -n 1)
role=$(timeout 1 redis-cli -h "$master" --raw role 2>&1) || refuse "$master does not tell its role"
[ "$(printf '%s\n' "$role" | head -n 1)" = master ] || refuse "$master is no master"

ask() { redis-cli -h "$master" --raw "$@" 2>&1 || exit 5; }
# What a server says before it does anything.
refused() {
    case $1 in NOREPLICAS* | READONLY* | MASTERDOWN* | LOADING*) refuse "$1" ;; esac
}

case $operation in
read)
    answer=$(ask get "$key") || exit 5
    refused "$answer"
    [ -n "$answer" ] || exit 6
    printf '%s\n' "$answer"
    ;;
write-once)
    answer=$(ask set "$key" "$value" nx) || exit 5
    refused "$answer"
    [ "$answer" = OK ] && exit 0
    [ -z "$answer" ] || { echo "$answer" >&2; exit 5; }
    ask get "$key"
    exit 4
    ;;
write)
    answer=$(ask set "$key" "$value") || exit 5
    refused "$answer"
    [ "$answer" = OK ] || { echo "$answer" >&2; exit 5; }
    ;;
cas)
    script="if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('set', KEYS[1], ARGV[2]) return 1 else return 0 end"
    answer=$(ask eval "$script" 1 "$key" "$from" "$value") || exit 5
    refused "$answer"
    case $answer in 1) ;; 0) exit 4 ;; *) echo "$answer" >&2; exit 5 ;; esac
    ;;
*) exit 2 ;;
esac
