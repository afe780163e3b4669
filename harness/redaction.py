"""Keeps the values of settings that look like secrets out of everything that is written down."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|PWD|CREDENTIAL|AUTH|COOKIE|CONNECTION_URL|DSN", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/\s@:]*:[^/\s@]+(?=@)")
_ASSIGNED = re.compile(
    r"(?i)\b([\w.-]*(?:api_?key|token|secret|passw(?:or)?d|auth_string)[\w.-]*)(\s*[=:]\s*)(['\"]?)([^\s'\",;&]{4,})\3"
)
MASK = "***"
_SHORTEST = 6  # a shorter value ("1", "true") would mask innocent text


class Redactor:
    """Replaces secret values in text. Made once from an environment, then called on every text written."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        source = os.environ if environment is None else environment
        values = {value for name, value in source.items() if SECRET_NAME.search(name) and len(value) >= _SHORTEST}
        # A path is where a secret may lie, not the secret (SSH_AUTH_SOCK, SSL_CERT_…).
        self._values = sorted((v for v in values if not v.startswith("/")), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, MASK)
        text = _USERINFO.sub(MASK, text)
        return _ASSIGNED.sub(rf"\1\2\3{MASK}\3", text)

    def value(self, value: Any) -> Any:
        """The same shape of lists and dicts, with every string in it (keys apart) redacted."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {key: self.value(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(inner) for inner in value]
        return value


redact = Redactor()
