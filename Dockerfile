# The service and its commands in one image: production dependencies and compiled code, no root, nothing to write.
#
#   docker build -t proctoring-recordings --build-arg REVISION=$(git rev-parse HEAD) \
#     --build-arg VERSION=$(node -p 'require("./package.json").version') --build-arg SOURCE=$(git remote get-url origin) .
#
# BASE builds, RUNTIME runs. The last stage runs nothing while it is built, so RUNTIME needs no shell and no npm.
ARG BASE=node:24-bookworm-slim
ARG RUNTIME=${BASE}

FROM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY packages/embedded-s3/package.json packages/embedded-s3/
COPY packages/exam-client/package.json packages/exam-client/
COPY packages/receipt-verifier/package.json packages/receipt-verifier/
COPY packages/review/package.json packages/review/
COPY packages/sdk/package.json packages/sdk/
COPY packages/uppy/package.json packages/uppy/
# No package's scripts: none that is needed here has one, and none shall run beside the compiler.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY packages packages
COPY src src
# Types, source maps, tests and the AWS SDK's second copy for bundlers are never loaded: 18 of the dependencies' 29 MB.
# Of the packages the service loads the embedded store and the checker's library alone.
ARG REVISION=
RUN --mount=type=cache,target=/root/.npm npm run build \
 && printf '%s' "$REVISION" > dist/revision \
 && npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && (cd packages && rm -rf exam-client review sdk uppy rolldown.config.js receipt-verifier/dist/verifier.html \
      ../node_modules/@proctoring-recordings/exam-client ../node_modules/@proctoring-recordings/review \
      ../node_modules/@proctoring-recordings/sdk ../node_modules/@proctoring-recordings/uppy) \
 && find dist node_modules packages -type f \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' \
      -o -path '*/dist-es/*' -o -path '*/test/*' \) -exec rm {} + \
 && mkdir /data

FROM ${RUNTIME}
ARG VERSION=
ARG REVISION=
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="proctoring-recordings" \
      org.opencontainers.image.description="Keeps optional exam-proctoring recordings in S3-compatible storage, and deletes every one of them on time." \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/packages packages
COPY --from=build /app/dist dist
COPY package.json openapi.json LICENSE ./
# Only the embedded store writes, and only here; with S3_BUCKET nothing is written at all.
COPY --from=build --chown=10001:10001 /data /data
# V8 lets buffers pile up until its young generation is full: a small one keeps `serve` below 150 MiB while it streams.
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data NODE_OPTIONS=--max-semi-space-size=2
USER 10001:10001
EXPOSE 8080
# Whether the process answers; whether the store does is /readyz's to say. PORT as in the settings.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 8080) + '/livez').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]
