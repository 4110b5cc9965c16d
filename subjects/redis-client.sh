#!/bin/sh
# client.sh IP read|stored|write-once|write|cas KEY [VALUE [FROM]]
# Asks the sentinel on IP who is master, as Sentinel's protocol for clients says, and then that master, if it says that
# it is one; `stored` asks IP itself. Exit status: 0 done (a read prints the value), 3 certainly not done, 4 another
# value is there (and printed), 6 nothing is there, anything else: nobody knows.
ip=$1 operation=$2 key=$3 value=$4 from=$5

refuse() { echo "$1" >&2; exit 3; }

# Puts into `answer` what the server says. Keys and values have no spaces, so what has one is an error.
ask() {
    answer=$(redis-cli -h "$master" --raw "$@" 2>&1) || { echo "$answer" >&2; exit 5; }
    case $answer in
    # What a server says before it does anything.
    NOREPLICAS* | READONLY* | MASTERDOWN* | LOADING*) refuse "$answer" ;;
    *' '*) echo "$answer" >&2; exit 5 ;;
    esac
}

if [ "$operation" = stored ]; then
    master=$ip
else
    # Without a sentinel there the client keeps to the server that it knows.
    found=$(redis-cli -h "$ip" -p 26379 --raw sentinel get-master-addr-by-name m1 2>/dev/null) || found=$ip
    master=$(printf '%s\n' "$found" | head -n 1)
    role=$(timeout 1 redis-cli -h "$master" --raw role 2>&1) || refuse "$master does not tell its role"
    [ "$(printf '%s\n' "$role" | head -n 1)" = master ] || refuse "$master is no master"
fi

case $operation in
read | stored)
    ask get "$key"
    [ -n "$answer" ] || exit 6
    echo "$answer"
    ;;
write-once)
    ask set "$key" "$value" nx
    [ "$answer" = OK ] && exit 0
    [ -z "$answer" ] || { echo "$answer" >&2; exit 5; }
    ask get "$key"
    echo "$answer"
    exit 4
    ;;
write)
    ask set "$key" "$value"
    [ "$answer" = OK ] || { echo "$answer" >&2; exit 5; }
    ;;
cas)
    script="if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('set', KEYS[1], ARGV[2]) return 1 else return 0 end"
    ask eval "$script" 1 "$key" "$from" "$value"
    case $answer in 1) ;; 0) exit 4 ;; *) echo "$answer" >&2; exit 5 ;; esac
    ;;
*) exit 2 ;;
esac
