# One image for `run`, `serve` and `load`. Any base with Python 3.11 or newer and venv is possible; the RUNTIME, which needs no
# shell, has to have the same Python in the same place.
ARG BASE=python:3.13-slim
ARG RUNTIME=${BASE}

FROM ${BASE} AS build
COPY . /src
# pip is in a venv of its own, so that the image has none. It takes only files whose hashes are known.
RUN python3 -m venv /pip && \
    python3 -m venv --without-pip /opt/opamp-conformance && \
    /pip/bin/pip install --no-cache-dir --require-hashes -r /src/deploy/build-requirements.txt && \
    /pip/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels /src && \
    /pip/bin/pip --python /opt/opamp-conformance/bin/python install --no-cache-dir --require-hashes \
        -r /src/deploy/requirements.txt && \
    /pip/bin/pip --python /opt/opamp-conformance/bin/python install --no-cache-dir --no-deps /wheels/*.whl

FROM ${RUNTIME}
COPY --from=build /opt/opamp-conformance /opt/opamp-conformance
COPY --from=build /src/loadtests /loadtests
USER 65532:65532
EXPOSE 4320
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/opt/opamp-conformance/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:4320/healthz', timeout=3)"]
ENTRYPOINT ["/opt/opamp-conformance/bin/opamp-conformance"]
