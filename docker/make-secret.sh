#!/bin/sh
# Creates the secret that the nodes of a cluster share, if there is none yet: once, when a cluster
# is first started. Its volume outlives the containers.

set -eu
umask 077
file=${TINYSNS_SECRET_FILE:?}
[ -s "$file" ] && exit 0
od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file.new"
# Written completely or not at all: a node that read half of a secret would be rejected.
mv "$file.new" "$file"
echo "made a new secret"
