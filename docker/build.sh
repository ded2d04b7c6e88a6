#!/bin/sh
# Builds the image: first the base images, if they cannot be pulled, then the Dockerfile, with
# BuildKit if a docker client here supports it, and otherwise with the classic builder.
#
#   sh docker/build.sh [TAG]      TAG is tinysns:latest unless said otherwise
#
# The environment variable PROFILE is the cargo profile of the build, release by default.

set -eu

cd "$(dirname "$0")/.."
TAG=${1:-tinysns:latest}
PROFILE=${PROFILE:-release}

sh docker/base-images.sh

# Clients before version 23 include BuildKit; later ones need the buildx plug-in.
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
