# The UI, then a static binary, then nothing else: no shell, no libraries, no root.
FROM node:22-alpine AS web
WORKDIR /build/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM rust:1.95-alpine AS server
RUN apk add --no-cache build-base
WORKDIR /build
COPY Cargo.toml Cargo.lock askama.toml ./
COPY .cargo/ .cargo/
COPY src/ src/
COPY migrations/ migrations/
COPY benches/ benches/
COPY tests/it/ tests/it/
COPY --from=web /build/web/dist/ web/dist/
RUN cargo build --release --locked && mkdir -p /out/data && cp target/release/phoenix-server /out/

FROM scratch
COPY --from=server /out/phoenix-server /phoenix-server
COPY --from=server --chown=65532:65532 /out/data /data
USER 65532:65532
ENV PHOENIX_WORKING_DIR=/data
VOLUME /data
EXPOSE 6006 4317
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["/phoenix-server", "healthcheck"]
ENTRYPOINT ["/phoenix-server"]
CMD ["serve"]
