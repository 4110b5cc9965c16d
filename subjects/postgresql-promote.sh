#!/bin/sh
# promote.sh PRIMARY DATA RUN: promotes the standby whose data is in DATA once PRIMARY was silent three times.
primary=$1 data=$2 run=$3
silent=0
while [ $silent -lt 3 ]; do
    if sh "$run" pg_isready -q -t 1 -h "$primary"; then silent=0; else silent=$((silent + 1)); fi
    sleep 1
done
sh "$run" pg_ctl -D "$data" promote
exec sleep infinity
