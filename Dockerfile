# The sources run as they are: the production dependencies are installed, and nothing is built.
FROM node:24-slim AS compiled
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

# What Node would compile of it at every start: the help, and whatever a command loads when it runs. As the user of the image, since
# the folder that Node looks into carries its number; the copy of it is root's, so that nobody can leave other code there.
COPY src src
RUN install --directory --owner=1000 --group=1000 node_modules/.cache/rolecall
USER 1000:1000
RUN NODE_COMPILE_CACHE=node_modules/.cache/rolecall node --import ./src/up.ts --import ./src/ops/wait-for-gate.ts \
    --import ./src/ops/print-status.ts --import ./src/ops/replay-blocked.ts src/rolecall.js --help
RUN chmod --recursive a+rX node_modules/.cache/rolecall/*

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=compiled /app/node_modules node_modules
COPY package.json LICENSE ./
COPY src src

# The user `node`, by number: `runAsNonRoot` of Kubernetes cannot look up a name. It may write nothing here.
USER 1000:1000
EXPOSE 3000
STOPSIGNAL SIGTERM

# No HEALTHCHECK: half of the commands end by themselves. Whoever runs `work` or `ops` asks /livez.
# No npm either: it stands between the signal and the process, and exits before the jobs under way are done.
ENTRYPOINT ["node", "src/rolecall.js"]
CMD ["--help"]
