# labeltap as an image: docs/ops/README.md says how it is built and run. `./test` lints it and holds it against
# the repository; the versions here are checked against Cargo.toml.

FROM rust:1.95-slim-trixie AS rust
# SQLite and aws-lc are C: a compiler is all that they need on x86-64 and ARM64.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src

# The manifests with empty sources. As long as they are the same, so is the layer of dependencies below.
FROM rust AS manifests
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -name lib.rs ! -name main.rs ! -path '*/benches/*' -delete \
 && echo 'fn main() {}' > .empty \
 && find . -name '*.rs' -exec cp .empty '{}' ';'

FROM rust AS build
COPY --from=manifests /src .
RUN cargo build --release --locked --bin labeltap
COPY . .
# Cargo goes by the time of a file, and the empty ones are younger.
RUN find src crates -name '*.rs' -exec touch {} + \
 && cargo build --release --locked --bin labeltap

FROM debian:trixie-slim
LABEL org.opencontainers.image.title="labeltap" \
      org.opencontainers.image.description="Follows Bluesky labelers and delivers every label verified, in order, and never lost" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# TLS trusts what the system trusts.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin labeltap \
 && install -d -o labeltap -g labeltap -m 0700 /data
COPY --from=build /src/target/release/labeltap /usr/local/bin/labeltap
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/labeltap/
# As variables, so that `docker exec … labeltap export` finds the same database.
ENV LABELTAP_DATABASE_URL=sqlite:///data/labeltap.db \
    LABELTAP_BIND=:2480
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 2480
STOPSIGNAL SIGTERM
# Asks the service through the program itself, where LABELTAP_BIND has it listen; the password, if there is one, is in
# the environment too. It waits 10 s for an answer. A start after an update may build an index before it answers; one
# answer ends the start period.
HEALTHCHECK --interval=30s --timeout=15s --start-period=10m CMD ["labeltap", "status"]
ENTRYPOINT ["labeltap"]
CMD ["run"]
