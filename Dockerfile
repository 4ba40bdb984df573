# The sources run as they are: nothing is built, only the production dependencies are installed.
FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY src src

# The user `node`, by number: `runAsNonRoot` of Kubernetes cannot look up a name. It may write nothing here.
USER 1000:1000
EXPOSE 3000
STOPSIGNAL SIGTERM

# No HEALTHCHECK: half of the commands end by themselves. Whoever runs `work` or `ops` asks /livez.
# No npm either: it stands between the signal and the process, and exits before the jobs under way are done.
ENTRYPOINT ["node", "src/cli.ts"]
CMD ["--help"]
