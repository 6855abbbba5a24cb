# The workers and the one-shot provisioning, from the hashed lock only.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.in requirements.lock /src/
RUN /venv/bin/pip install --require-hashes --only-binary :all: -r /src/requirements.lock
COPY pyproject.toml /src/
COPY schemas /src/schemas
COPY topics /src/topics
COPY register /src/register
COPY workers /src/workers
COPY ops /src/ops
RUN /venv/bin/pip install --no-deps --no-build-isolation /src

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --user-group --create-home register
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /home/register
# No shell in between: SIGTERM reaches the workers, which finish the batch in hand.
CMD ["python", "-m", "workers"]
