# The service, the demo and the other commands: `docker build -t dupescope .`, `docker run dupescope serve --help`.
# Runs as the user node (1000), or as whom `--user` names; Grafana's SQLite data source must run as the same user (see
# docs/grafana.md).
FROM node:22.20.0-bookworm-slim AS build
# For modules that have no ready-made build for this platform.
RUN apt-get update && apt-get install -y --no-install-recommends g++ make python3 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev

FROM node:22.20.0-bookworm-slim
ENV NODE_ENV=production DUPESCOPE_STORE=/data/dupescope.db DUPESCOPE_LISTEN=127.0.0.1:7475
WORKDIR /app
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json LICENSE README.md ./
# The service answers with them at /docs: alerts lead there.
COPY docs ./docs
# A new volume takes its owner and mode from here, and may be another user's than node's (DUPESCOPE_UID).
RUN install -d -o node -g node -m 0777 /data
USER node
VOLUME ["/data"]
EXPOSE 7475
# Whether it answers. That all topics are read (/readyz) takes hours on a large cluster, and nothing is wrong meanwhile.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7475/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/cli/main.js"]
CMD ["serve"]
