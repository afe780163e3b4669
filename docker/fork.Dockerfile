# A subject's image with the fork server in it: one small layer, so that a change of it builds nothing else again.
ARG BASE
FROM ${BASE}
COPY fork_server /opt/fork_server
