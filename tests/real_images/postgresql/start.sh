#!/bin/sh
# Makes the database when the volume holds none; then it is the command.
set -eu
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    echo "${POSTGRES_PASSWORD:?is needed}" > /tmp/password
    initdb --no-sync --auth-host scram-sha-256 --auth-local peer --encoding UTF8 --pwfile /tmp/password
    rm /tmp/password
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
fi
exec "$@"
