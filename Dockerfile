# The service, and the Chroma server it can keep its index on. `docker build --tag briefbot .` makes the service; compose.yaml runs both.

FROM python:3.11.15-slim-trixie AS build

# Name PyTorch's CPU index here: its builds without CUDA are a tenth of the size. Torch comes first, so that nothing below asks for another.
ARG TORCH_INDEX=

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON=/opt/briefbot/bin/python

WORKDIR /build
COPY pyproject.toml constraints.txt ./
RUN pip install --constraint constraints.txt uv \
    && python -m venv --without-pip /opt/briefbot \
    && uv pip install --constraint constraints.txt --no-deps ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch \
    && uv pip install --constraint constraints.txt --extra mcp --extra otel --requirement pyproject.toml

# The sources change more often than what they need.
COPY README.md LICENSE ./
COPY src src
COPY ingest ingest
COPY ui ui
COPY eval eval
RUN uv pip install --no-deps .


FROM chromadb/chroma:1.5.9 AS chroma

# The server itself runs as root and makes the folder when it starts; a volume takes its owner from here.
RUN install --directory --owner=10001 --group=10001 /data
USER 10001:10001
VOLUME /data


FROM python:3.11.15-slim-trixie AS service

RUN groupadd --gid 10001 briefbot \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/briefbot --shell /usr/sbin/nologin briefbot \
    && install --directory --owner=10001 --group=10001 /var/lib/briefbot
COPY --from=build /opt/briefbot /opt/briefbot

ENV PATH=/opt/briefbot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/var/lib/briefbot/huggingface \
    BRIEFBOT_HOME=/var/lib/briefbot \
    BRIEFBOT_HOST=0.0.0.0

USER 10001:10001
WORKDIR /var/lib/briefbot
VOLUME /var/lib/briefbot
EXPOSE 8000

# The first start embeds the bundled corpus, which takes minutes on two cores; a check that succeeds ends the start period.
HEALTHCHECK --interval=15s --timeout=5s --start-period=15m --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('BRIEFBOT_PORT') or 8000), timeout=4); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]

CMD ["briefbot", "serve"]
