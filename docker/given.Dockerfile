# An image of the person's own with Prefect in it, made to run as labs do: as one user, by one path, its database made.
ARG BASE
FROM ${BASE}
USER 0
ENTRYPOINT []
RUN mkdir -p /srv/scenarios /home/subject/.prefect /opt/subject/bin \
 && chown 1000 /srv/scenarios /home/subject /home/subject/.prefect
# `python3` is the Python that the image's own `prefect` runs on, whichever others there are.
RUN prefect="$(command -v prefect)" \
 && interpreter="$(head -n 1 "$prefect" | sed 's/^#! *//')" \
 && { test -e /opt/subject/bin/prefect || ln -s "$prefect" /opt/subject/bin/prefect; } \
 && printf '#!/bin/sh\nexec %s "$@"\n' "$interpreter" > /opt/subject/bin/python3 \
 && chmod 755 /opt/subject/bin/python3
ENV PATH=/opt/subject/bin:$PATH \
    HOME=/home/subject \
    PREFECT_HOME=/home/subject/.prefect
COPY make_database.py /opt/
USER 1000
WORKDIR /home/subject
RUN python3 /opt/make_database.py /opt/subject/bin/prefect
