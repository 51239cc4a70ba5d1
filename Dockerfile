# The image of flow runs and of the Prefect worker: one lock, one set of modules. CI builds it (no build in prefect.yaml).
# Pinned by digest in CI: docker build --build-arg PYTHON_IMAGE=python:3.11-slim@sha256:…
# checkov:skip=CKV_DOCKER_7: the tag stands in the argument, which the check does not read
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.lock /tmp/requirements.lock
# Compiled here, as nobody may write there later: importing Great Expectations from source costs seconds in each run.
RUN /opt/venv/bin/pip install --no-deps -r /tmp/requirements.lock \
    && /opt/venv/bin/python -m compileall -q -j 0 /opt/venv/lib
COPY pyproject.toml README.md LICENSE prefect.yaml /app/
COPY contracts /app/contracts
COPY expectations /app/expectations
COPY sql /app/sql
COPY tasks /app/tasks
COPY flows /app/flows
COPY infra/prefect /app/infra/prefect
# Editable: contracts and SQL are read beside the code, and the version that a redrive goes by is the package's.
RUN /opt/venv/bin/pip install --no-deps --editable /app \
    && /opt/venv/bin/python -m compileall -q -j 0 /app

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="ecommerce-warehouse" org.opencontainers.image.licenses="Apache-2.0"
# A number, so that ECS can tell that it is not root.
RUN groupadd --gid 10001 warehouse \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/warehouse --shell /usr/sbin/nologin warehouse \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/warehouse
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DO_NOT_TRACK=1 \
    DW_HOME=/var/lib/warehouse \
    PREFECT_HOME=/var/lib/warehouse/prefect \
    PREFECT_TASKS_DEFAULT_NO_CACHE=true \
    PREFECT_RESULTS_PERSIST_BY_DEFAULT=false
WORKDIR /app
USER 10001:10001
# The root file system may be read-only: these two are what a run writes to.
VOLUME ["/tmp", "/var/lib/warehouse"]
# The worker answers on its port (`prefect worker start --with-healthcheck`); another container is well while it runs.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-m", "flows.healthcheck"]
CMD ["dw", "--help"]
