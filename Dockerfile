# One image for every role of Tiny SNS: `docker run tinysns router`, `… slave`, `… client`.
#
# Builds with BuildKit and with the classic builder. If no registry can be reached, build the two
# base images first: sh docker/base-images.sh

ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

# --- the program --------------------------------------------------------------------------------
FROM ${RUST_IMAGE} AS build
WORKDIR /src
# `dev` takes half the time to build: it is not optimised here, where no simulation runs, and does without line numbers.
ARG PROFILE=release
ENV CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=0

# The dependencies are a layer of their own, which is rebuilt only when they change. Cargo requires
# every target in the manifest; tests and benches are not in the context, so they are removed from
# it.
COPY Cargo.toml Cargo.lock ./
RUN sed -i '/^\[\[\(test\|bench\)\]\]/,/^$/d' Cargo.toml \
    && mkdir src \
    && echo 'fn main() {}' | tee build.rs > src/main.rs \
    && touch src/lib.rs \
    && cargo build --profile "$PROFILE" --locked \
    && rm -r build.rs src

# Cargo compares modification times, and copied files keep theirs, so the stand-ins would be newer.
COPY build.rs askama.toml ./
COPY proto proto
COPY web web
COPY src src
RUN touch build.rs src/lib.rs src/main.rs \
    && cargo build --profile "$PROFILE" --locked --bin tinysns \
    && objcopy --compress-debug-sections target/*/tinysns /tinysns

# --- what runs ----------------------------------------------------------------------------------
FROM ${DEBIAN_IMAGE}

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Tiny SNS" \
      org.opencontainers.image.description="A small social network that stays up and loses nothing while its machines die" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# `docker exec … kill` needs a program of that name, and whoever calls an authority or a network by https
# needs to know whom to trust. Volumes that are first mounted at these directories inherit the user's
# ownership.
RUN if ! [ -x /bin/kill ] || ! [ -s /etc/ssl/certs/ca-certificates.crt ]; then \
        apt-get update \
        && apt-get install -y --no-install-recommends ca-certificates procps \
        && rm -rf /var/lib/apt/lists/*; \
    fi \
    && groupadd --gid 10001 tinysns \
    && useradd --uid 10001 --gid tinysns --home-dir /var/lib/tinysns --no-create-home \
        --shell /usr/sbin/nologin tinysns \
    && install -d -o tinysns -g tinysns -m 0700 /run/tinysns /var/lib/tinysns \
        /var/lib/tinysns/router /var/lib/tinysns/servers

COPY docker/make-secret.sh /usr/local/lib/tinysns/make-secret.sh
COPY --from=build /tinysns /usr/local/bin/tinysns

# Fixed ports, since every container has an address of its own. The healthcheck asks the router's
# port, unless TINYSNS_ADDRESS says otherwise.
ENV TINYSNS_ROUTER_DATA_DIR=/var/lib/tinysns/router \
    TINYSNS_DATA_DIR=/var/lib/tinysns/servers \
    TINYSNS_SECRET_FILE=/run/tinysns/secret \
    TINYSNS_CLIENT_LISTEN=0.0.0.0:3020 \
    TINYSNS_PEER_LISTEN=0.0.0.0:3021 \
    TINYSNS_METRICS_LISTEN=127.0.0.1:3012 \
    TINYSNS_ADDRESS=127.0.0.1:3010
EXPOSE 3010 3011 3020 3021

USER 10001:10001
WORKDIR /var/lib/tinysns
HEALTHCHECK --interval=5s --timeout=5s --retries=3 CMD ["tinysns", "healthcheck"]
ENTRYPOINT ["tinysns"]
CMD ["--help"]
