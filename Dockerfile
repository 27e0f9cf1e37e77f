# The image of every task of a compiled pipeline, and of `python runner.py` in a container.
#
#   docker build --build-arg REVISION=$(git rev-parse HEAD) --tag IMAGE .
#
# The stack `current`: --build-arg STACK=current --build-arg PYTHON=3.11 --build-arg DEBIAN=trixie
ARG PYTHON=3.10
ARG DEBIAN=bookworm

# The full image has the C++ compiler that one package of the lock needs; nothing of it is kept.
FROM python:${PYTHON}-${DEBIAN} AS build
ARG STACK=compat
ENV UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
WORKDIR /build
COPY requirements/ requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/bootstrap/uv.txt \
    && uv venv /opt/retrieval \
    && uv pip sync --python /opt/retrieval/bin/python --require-hashes --compile-bytecode \
        --build-constraints requirements/build.txt "requirements/${STACK}.txt" \
    # Headers to build against TensorFlow and Arrow, which no task does.
    && rm -rf /opt/retrieval/lib/python3.*/site-packages/tensorflow/include \
        /opt/retrieval/lib/python3.*/site-packages/pyarrow/include
COPY pyproject.toml ./
COPY components/ components/
COPY pipeline/ pipeline/
COPY schema/ schema/
RUN uv pip install --python /opt/retrieval/bin/python --no-deps --no-build-isolation \
        --compile-bytecode .

FROM python:${PYTHON}-slim-${DEBIAN}
ARG REVISION=
LABEL org.opencontainers.image.title="tfx-tfrs-retrieval" \
      org.opencontainers.image.description="Tasks of a retrieval pipeline on TensorFlow Extended" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}"
RUN useradd --create-home --uid 10001 retrieval
# ALS is compiled against OpenMP, which the slim image does not have.
COPY --from=build /usr/lib/x86_64-linux-gnu/libgomp.so.1 /usr/lib/x86_64-linux-gnu/
COPY --from=build /opt/retrieval /opt/retrieval
COPY runner.py LICENSE /home/retrieval/
ENV PATH=/opt/retrieval/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    SOURCE_COMMIT="${REVISION}" \
    TF_CPP_MIN_LOG_LEVEL=2 \
    TF_USE_LEGACY_KERAS=1
# By number: Kubernetes cannot tell by a name that it is not root.
USER 10001
WORKDIR /home/retrieval
