"""How a lab's server is spoken to: plain http, by clients that look at nothing of this host; what is asked again."""

from __future__ import annotations

import ssl

import httpx

# rule: refused-503-again (without last)
RETRIED = {429, 503}  # a server on SQLite now and then answers 503 "database is locked"
RETRIED_READS = {500, 502, 504} | RETRIED
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading this host's would take each client 15 ms


def new_client(url: str, timeout: float) -> httpx.Client:
    """A client of a lab's server. A proxy from the environment must not stand between the two."""
    return httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=_NO_CERTIFICATES)


def words_of(error: httpx.TransportError) -> str:
    """What went wrong with a call; some errors have no text."""
    return str(error) or type(error).__name__
