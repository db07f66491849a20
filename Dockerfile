# bg alone, without a shell, as a user without rights. AWS settings come from the environment, the config
# and a task-definition file from a folder that is mounted at /work:
#
#   docker run --rm -v "$PWD:/work:ro" -e AWS_REGION … bg deploy --image shop:v2
#
# With `state: file:…` mount it writable, and say `--user "$(id -u)"`.

FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY strategies strategies
# Cargo.toml names it.
COPY benches benches
RUN cargo build --release --locked --bin bg

# The same Debian: its glibc, the certificates of those who sign certificates, and nothing to run.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="bg" \
      org.opencontainers.image.description="Blue/green deployments for Amazon ECS that watch, verify and revert by themselves" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /source/target/release/bg /usr/local/bin/bg
WORKDIR /work
# The image's `nonroot`, as the number that Kubernetes and ECS can check.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/bg"]
CMD ["--help"]
