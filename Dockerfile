# syntax=docker/dockerfile:1
#
# The image of AtlasPay: all roles and the command line. docs/DEPLOYMENT.md says how to build and run it.
# test/ops/image.test.ts takes the steps below from this file and carries them out without a container.

# The version is that of the package `node`, with which everything is tested. To pin more than the version, build with
# --build-arg NODE_IMAGE=node@sha256:…
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

# What src/ imports, and none of what only tests need. No package runs code of its own here.
FROM ${NODE_IMAGE} AS packages
WORKDIR /opt/atlaspay
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --prefer-offline

# Node strips the types of src/ when it loads it, and compiles. Done once here, a start takes half the time, on a root
# that cannot be written, too. What is compiled counts for the user who runs it. Node writes files that only that user can
# read, and below they belong to root, as all does: so everybody may read them.
FROM ${NODE_IMAGE} AS compiled
WORKDIR /opt/atlaspay
COPY --from=packages /opt/atlaspay/node_modules node_modules
COPY package.json LICENSE ./
COPY src src
COPY infra/image infra/image
USER 10001:10001
RUN NODE_COMPILE_CACHE=/tmp/compiled node infra/image/compile.mjs && chmod -R a+rX,a-w /tmp/compiled

FROM ${NODE_IMAGE}
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="AtlasPay" \
      org.opencontainers.image.description="A payout orchestrator that pays every item exactly once and can prove it" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /opt/atlaspay
COPY --from=packages /opt/atlaspay/node_modules node_modules
COPY package.json LICENSE ./
COPY src src
COPY infra/image infra/image
COPY --from=compiled --chown=0:0 /tmp/compiled compiled
# Real money, unless another environment says so: nothing is completed, and weak settings are refused.
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/opt/atlaspay/compiled \
    PATH=/opt/atlaspay/infra/image/bin:/usr/local/bin:/usr/bin:/bin \
    ATLASPAY_DATA=/tmp/atlaspay \
    HOST=0.0.0.0 \
    PORT=8080 \
    OPERATIONS_HOST=0.0.0.0 \
    OPERATIONS_PORT=9464
# By number, so that Kubernetes can see that it is not root. It owns nothing in the image.
USER 10001:10001
EXPOSE 8080 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["node", "infra/image/health.mjs", "/healthz"]
# Not the script of the base image: signals reach Node itself.
ENTRYPOINT []
# The roles of ROLES, or all. For the command line, name it: docker run … atlaspay doctor
CMD ["node", "--max-semi-space-size=64", "src/main.ts"]
