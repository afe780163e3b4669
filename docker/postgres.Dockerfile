# PostgreSQL for labs: a cluster made once, whose containers are thrown away. Nothing but a lab's own network sees it.
ARG BASE
FROM ${BASE}
ENV PATH=/usr/lib/postgresql/15/bin:$PATH \
    PGDATA=/var/lib/postgresql/lab
USER postgres
RUN initdb --username=postgres --encoding=UTF8 --locale=C --auth=trust \
 && echo "host all all all trust" >> "$PGDATA/pg_hba.conf" \
 && printf "%s\n" "listen_addresses = '*'" "unix_socket_directories = ''" >> "$PGDATA/postgresql.conf"
ENTRYPOINT []
