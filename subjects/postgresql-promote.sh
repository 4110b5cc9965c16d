#!/bin/bash
# promote.sh PRIMARY DATA BIN: promotes the standby whose data is in DATA once PRIMARY was silent three times.
primary=$1 data=$2 bin=$3
silent=0
while [ $silent -lt 3 ]; do
    if "$bin/pg_isready" -q -t 1 -h "$primary"; then silent=0; else silent=$((silent + 1)); fi
    sleep 1
done
"$bin/pg_ctl" -D "$data" promote
exec sleep infinity
