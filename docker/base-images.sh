#!/bin/sh
# Builds stand-ins for the two base images of the Dockerfile on a machine that cannot pull them.
#
#   sh docker/base-images.sh
#
# An image that is there already, or can be pulled, is left as it is. Otherwise the Debian image is
# built by debootstrap from the mirror's packages, and the Rust image from that one, with gcc and
# the Rust toolchain that is installed here. They get the official names, so that the same
# Dockerfile builds on them. Needs root, Debian's packages, a Docker engine and, for the Rust image,
# cargo.
#
# From the environment, or their defaults (the same as the Dockerfile's):
#   DEBIAN_IMAGE  debian:bookworm-slim
#   RUST_IMAGE    rust:1.95-slim-bookworm
#   DEBIAN_SUITE  bookworm
#   DEBIAN_MIRROR the one that debootstrap knows

set -eu

DEBIAN_IMAGE=${DEBIAN_IMAGE:-debian:bookworm-slim}
RUST_IMAGE=${RUST_IMAGE:-rust:1.95-slim-bookworm}
DEBIAN_SUITE=${DEBIAN_SUITE:-bookworm}
DEBIAN_MIRROR=${DEBIAN_MIRROR:-}
CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
# Distinguishes them from the official images.
STAND_IN='LABEL org.opencontainers.image.title=stand-in'

say() { printf 'base-images: %s\n' "$*"; }
die() { printf 'base-images: %s\n' "$*" >&2; exit 1; }

command -v docker >/dev/null || die "docker is missing"
docker version >/dev/null 2>&1 || die "no Docker engine answers"

WORK=
trap '[ -z "$WORK" ] || rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM HUP

can_be_had() { # image
    if docker image inspect "$1" >/dev/null 2>&1; then
        say "$1 is there"
    elif docker pull --quiet "$1" >/dev/null 2>&1; then
        say "$1 was pulled"
    else
        return 1
    fi
}

ensure_debootstrap() {
    command -v debootstrap >/dev/null && return
    say "installing debootstrap"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap \
        >/dev/null || die "debootstrap cannot be installed"
}

# procps and ca-certificates are not part of the official image; they are added now, while the packages can
# be fetched.
make_debian() {
    say "making $DEBIAN_IMAGE from the packages of $DEBIAN_SUITE"
    [ "$(id -u)" -eq 0 ] || die "debootstrap needs root"
    ensure_debootstrap
    WORK=$(mktemp -d)
    debootstrap --variant=minbase --include=procps,ca-certificates "$DEBIAN_SUITE" "$WORK/root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} \
        >"$WORK/log" 2>&1 || { tail -n 20 "$WORK/log" >&2; die "debootstrap failed"; }
    # Debian's slim images leave this out, too.
    rm -rf "$WORK/root/var/cache/apt/archives" "$WORK/root/var/lib/apt/lists" \
        "$WORK/root/usr/share/doc" "$WORK/root/usr/share/man" "$WORK/root/usr/share/locale" \
        "$WORK/root/var/log/bootstrap.log" "$WORK/root/etc/resolv.conf" "$WORK/root/etc/hostname"
    mkdir -p "$WORK/root/var/cache/apt/archives/partial" "$WORK/root/var/lib/apt/lists/partial"
    tar -C "$WORK/root" --numeric-owner -c . |
        docker import --change 'CMD ["bash"]' --change "$STAND_IN" - "$DEBIAN_IMAGE" >/dev/null
    rm -rf "$WORK"
    WORK=
}

# How this machine reaches crates.io: cargo's own settings, without its credentials.
cargo_variables() {
    env | grep -E '^CARGO_(HTTP|NET|SOURCE|REGISTRIES)_[A-Z0-9_]+=' | grep -v TOKEN || true
}

make_rust() {
    say "making $RUST_IMAGE from the toolchain of this machine"
    command -v rustc >/dev/null || die "rustc is missing"
    sysroot=$(rustc --print sysroot)
    WORK=$(mktemp -d)
    mkdir -p "$WORK/context/toolchain" "$WORK/context/cargo" "$WORK/context/certs"
    target=$(rustc -vV | sed -n 's/^host: //p')
    # The compiler, cargo and one standard library; no documentation, linters or other targets.
    (cd "$sysroot" && tar -c bin/rustc bin/cargo \
        $(find lib -maxdepth 1 -type f) "lib/rustlib/$target") |
        tar -x -C "$WORK/context/toolchain"
    for file in config.toml config; do
        settings=${CARGO_HOME:-$HOME/.cargo}/$file
        if [ -f "$settings" ]; then cp "$settings" "$WORK/context/cargo/config.toml"; break; fi
    done
    # The certificates that this machine trusts: there may be a proxy with a certificate of its own.
    if [ -f "$CA_BUNDLE" ]; then cp "$CA_BUNDLE" "$WORK/context/certs/"; fi
    {
        printf 'FROM %s\n%s\n' "$DEBIAN_IMAGE" "$STAND_IN"
        printf 'RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev %s\n' \
            '&& rm -rf /var/lib/apt/lists/*'
        printf 'COPY certs/ %s/\n' "$(dirname "$CA_BUNDLE")"
        printf 'COPY cargo/ /usr/local/cargo/\nCOPY toolchain/ /usr/local/\n'
        printf 'ENV CARGO_HOME=/usr/local/cargo SSL_CERT_FILE=%s CARGO_HTTP_CAINFO=%s\n' \
            "$CA_BUNDLE" "$CA_BUNDLE"
        cargo_variables | while IFS='=' read -r name value; do
            printf 'ENV %s="%s"\n' "$name" "$value"
        done
    } >"$WORK/context/Dockerfile"
    docker build --quiet --tag "$RUST_IMAGE" "$WORK/context" >/dev/null || die "the build failed"
    rm -rf "$WORK"
    WORK=
}

can_be_had "$DEBIAN_IMAGE" || make_debian
can_be_had "$RUST_IMAGE" || make_rust
