#!/bin/sh
# run.sh PROGRAM ARGUMENT...: a program of the newest PostgreSQL that is installed where Debian has them.
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
program=$1
shift
exec "$bin/$program" "$@"
