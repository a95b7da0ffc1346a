# The service in an image: docs/deployment.md says how it is built, what it needs, and that it was never run.
# For a release, pin the base image by its digest: python:3.13-slim-trixie@sha256:…
ARG PYTHON=python:3.13-slim-trixie
# requirements-extras.txt has what reports to Sentry and to a collector of OpenTelemetry as well.
ARG REQUIREMENTS=requirements.txt

FROM ${PYTHON} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
RUN python -m venv --without-pip /opt/venv
ARG REQUIREMENTS
COPY requirements.txt requirements-extras.txt /build/
# Only wheels, and only those whose hashes are locked: nothing is compiled, and nothing of a package runs here.
RUN python -m pip --python /opt/venv/bin/python install \
    --only-binary :all: --require-hashes --no-deps --no-compile --requirement /build/${REQUIREMENTS}
WORKDIR /app
COPY app.py config.py pyproject.toml LICENSE.md ./
COPY app_extensions app_extensions/
COPY blueprints blueprints/
COPY middleware middleware/
COPY plugins plugins/
COPY services services/
COPY sql sql/
COPY utils utils/
COPY web web/
COPY scripts/__init__.py scripts/healthcheck.py scripts/
COPY docs/problems.md docs/versioning.md docs/
# The exchange library takes seven seconds to load when it is not compiled, and nothing can be written later.
RUN /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib /app

FROM ${PYTHON}
LABEL org.opencontainers.image.title="AccessibleTrader" \
    org.opencontainers.image.description="Market prices over REST and WebSocket, for people who cannot see a chart" \
    org.opencontainers.image.licenses="MIT"
# PostgreSQL refuses a user without a name; a number is what Kubernetes can check. A volume that is mounted where there
# is no directory would be root's.
RUN groupadd --gid 10001 app \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home \
        --home-dir /var/lib/accessibletrader --shell /usr/sbin/nologin app \
    && install --directory --owner app --group app --mode 0700 /var/lib/accessibletrader /backups \
    && python -m pip uninstall --yes --quiet --root-user-action ignore pip
COPY --from=packages /opt/venv /opt/venv
COPY --from=packages /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    ENV=production \
    HOST=0.0.0.0 \
    PORT=5000 \
    VAR_DIR=/var/lib/accessibletrader
USER 10001:10001
EXPOSE 5000 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-m", "scripts.healthcheck"]
CMD ["python", "app.py"]
