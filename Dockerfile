# A run as a service. `docker build -t lowerbound .`, then
#
#     docker run --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 -v ./runs/digits:/model:ro \
#         -v lowerbound-cache:/cache -e LOWERBOUND_TOKEN lowerbound --allow-host models.example.org
#
# What follows the image's name are options of `lowerbound serve`. docs/deploy.md says more.

FROM python:3.13-slim-trixie AS built
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN ["python", "-m", "venv", "/opt/lowerbound"]
COPY requirements-serve.lock /opt/
RUN ["/opt/lowerbound/bin/pip", "install", "--require-hashes", "--only-binary=:all:", "-r", "/opt/requirements-serve.lock"]
COPY src/lowerbound /opt/lowerbound/src/lowerbound
RUN ["/opt/lowerbound/bin/python", "-m", "compileall", "-q", "/opt/lowerbound/src"]

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="lowerbound" org.opencontainers.image.licenses="Apache-2.0"
# The only folder that is written to: compiled programs, which a second start finds.
RUN ["install", "--directory", "--owner=10001", "--group=10001", "/cache"]
COPY --from=built /opt/lowerbound /opt/lowerbound
ENV PATH=/opt/lowerbound/bin:$PATH \
    PYTHONPATH=/opt/lowerbound/src \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/cache \
    XDG_CACHE_HOME=/cache
USER 10001:10001
VOLUME /cache
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/live', timeout=2)"]
ENTRYPOINT ["python", "-m", "lowerbound", "serve", "/model", "--host", "0.0.0.0", "--port", "8000"]
