# The harness for chaos-job.yaml, made in a checkout: docker build -f docs/how-to/chaos.Dockerfile -t registry.example/chaos:latest .
FROM python:3.12-slim
# gcc: the movable clock is compiled where it is used. tini: ends what a lab leaves, as process 1.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev tini && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN pip install --no-cache-dir /src
ENTRYPOINT ["tini", "--", "harness"]
