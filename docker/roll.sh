#!/bin/sh
# Recreates the servers of a Compose project, one after another, from the current image: each one
# votes again before the next is stopped, so clients notice nothing.
#
#   docker compose build && sh docker/roll.sh
#
# Run it in the directory of docker-compose.yml. COMPOSE_PROJECT_NAME and the variables of that file
# apply as usual.
#
#   WITHIN  60  seconds within which a server must vote again

set -eu

WITHIN=${WITHIN:-60}

say() { printf 'roll: %s\n' "$*"; }
die() { printf 'roll: %s\n' "$*" >&2; exit 1; }

if docker compose version >/dev/null 2>&1; then
    compose() { docker compose "$@"; }
elif docker-compose version >/dev/null 2>&1; then
    compose() { docker-compose "$@"; }
else
    die "Docker Compose is missing"
fi

# How many masters vote, as the router sees it.
voters() {
    compose exec -T router tinysns status --json --router 127.0.0.1:3010 |
        grep -cE '"state": *"(available|standby)"' || true
}

servers=$(compose ps -q server)
[ -n "$servers" ] || die "no server runs"
count=$(printf '%s\n' "$servers" | wc -l)
expected=$(voters)
[ "$expected" -eq "$count" ] || die "$count servers run, but $expected vote: fix that first"

for server in $servers; do
    say "stopping $(printf %.12s "$server")"
    docker stop --time 15 "$server" >/dev/null
    docker rm "$server" >/dev/null
    compose up -d --no-build --no-recreate --scale "server=$count" server >/dev/null 2>&1 ||
        die "a new server could not be started"
    waited=0
    until [ "$(voters)" -eq "$count" ]; do
        [ "$waited" -lt "$WITHIN" ] || die "a new server does not vote after $WITHIN s"
        waited=$((waited + 1))
        sleep 1
    done
done
say "all $count servers are new"
