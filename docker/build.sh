#!/bin/sh
# Builds the image: makes the base images where they cannot be had, then follows the Dockerfile, by
# BuildKit where a docker client here can drive it and by the classic builder elsewhere.
#
#   sh docker/build.sh [TAG]      TAG is tinysns:latest unless said otherwise
#
# PROFILE from the environment is the profile that cargo builds with: release unless said otherwise.

set -eu

cd "$(dirname "$0")/.."
TAG=${1:-tinysns:latest}
PROFILE=${PROFILE:-release}

sh docker/base-images.sh

# Clients before 23 have BuildKit in them; later ones need the buildx plug-in.
drives_buildkit() { # client
    "$1" buildx version >/dev/null 2>&1 && return
    case $("$1" --version 2>/dev/null) in
        "Docker version 19."* | "Docker version 20."*) return 0 ;;
        *) return 1 ;;
    esac
}

for client in docker /usr/bin/docker; do
    if drives_buildkit "$client"; then
        DOCKER_BUILDKIT=1 exec "$client" build --build-arg "PROFILE=$PROFILE" --tag "$TAG" .
    fi
done
DOCKER_BUILDKIT=0 exec docker build --build-arg "PROFILE=$PROFILE" --tag "$TAG" .
