# A subject's image with overlays in it: modules that its Python loads before anything else (overlays/README.md).
ARG BASE
FROM ${BASE}
COPY overlays /opt/overlays
ENV PYTHONPATH=/opt/overlays${PYTHONPATH:+:$PYTHONPATH}
