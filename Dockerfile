# syntax=docker/dockerfile:1
# The production image: compiled JavaScript, the bundled workflows, and the packages that they need. Debian, for
# Temporal's native library is linked with glibc.

FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/npm-cache npm ci --cache /npm-cache --no-audit --no-fund
COPY . .
RUN node scripts/build.mjs
# The optional packages are the embedded Postgres, for one machine without servers.
RUN npm prune --omit=dev --omit=optional --no-audit --no-fund

FROM node:20-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/bin ./bin
COPY --from=build /app/scripts/checkout.cjs ./scripts/checkout.cjs
COPY --from=build /app/dist ./dist
# Owned by root and not writable: the process cannot change its own program.
# What a worker holds while Postgres is away: a volume takes its owner from here.
RUN mkdir --mode=0700 /var/lib/sluice && chown node:node /var/lib/sluice
USER node
STOPSIGNAL SIGTERM
CMD ["node", "dist/workers/main.js"]
