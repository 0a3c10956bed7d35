# Two stages: the first installs what requirements.lock names, by hash; the second has nothing but the result.
FROM python:3.12-slim AS build

WORKDIR /src
RUN python -m venv /opt/hubbub
COPY requirements.lock ./
RUN /opt/hubbub/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml LICENSE README.md ./
COPY server ./server
COPY schema ./schema
RUN /opt/hubbub/bin/pip install --no-cache-dir --no-deps --no-build-isolation .


FROM python:3.12-slim

RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin hubbub \
    && install --directory --owner=hubbub --mode=0750 /data /data/files
COPY --from=build /opt/hubbub /opt/hubbub

ENV PATH=/opt/hubbub/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MM_SERVICESETTINGS_LISTENADDRESS=:8065 \
    MM_METRICSSETTINGS_ENABLE=true \
    MM_METRICSSETTINGS_LISTENADDRESS=:8067 \
    MM_FILESETTINGS_DIRECTORY=/data/files

USER 10001
WORKDIR /data
VOLUME /data
# REST and WebSockets on one port, Prometheus metrics on the other.
EXPOSE 8065 8067

HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8065/api/v4/system/ping', timeout=4)"]

# SIGTERM drains: the node finishes its requests and hands its connections to the others.
STOPSIGNAL SIGTERM
CMD ["hubbub", "serve"]
