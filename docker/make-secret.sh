#!/bin/sh
# Makes the secret that the nodes of a cluster share, unless it is there: once, when a cluster is
# first started. Its volume outlives the containers.

set -eu
umask 077
file=${TINYSNS_SECRET_FILE:?}
[ -s "$file" ] && exit 0
od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file.new"
# All of it or nothing: a node that reads half a secret would be turned away.
mv "$file.new" "$file"
echo "made a new secret"
