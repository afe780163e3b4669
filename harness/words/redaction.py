"""Keeps the values of settings that look like secrets out of everything that is written down."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

SECRET_NAME = re.compile(
    r"KEY(?=S?(?:_|\d|$))|TOKEN|SECRET|PASSW|PWD|CREDENTIAL|AUTH(?!OR(?!IZ))|COOKIE|CONNECTION_URL|DSN", re.IGNORECASE
)
MASK = "***"
_USERINFO = re.compile(r"(?<=://)(?:[^/\s?#]*:[^/\s?#]*|[^/\s?#@:]{8,})(?=@)")
_ASSIGNED = re.compile(
    r"(?i)\b([\w.-]*(?:api[_-]?key|token|secret|passw(?:or)?d|auth_string)[\w.-]*['\"]?)"
    r"(\s*[=:](?!=)\s*)(['\"]?)(?!\*\*\*)([^\s'\",;&]{4,})\3"
)
# Prefect's own API keys, and what an Authorization header holds.
_SHAPED = re.compile(r"\bpn[ub]_\w{8,}|(?i:(?<=bearer )|(?<=basic ))[\w.~+/=-]{8,}")
_SHORTEST = 6  # a shorter value ("1", "true") would mask innocent text
_SHORTEST_WORD = 12  # and so would a plain word, which could be one of our own ("prefect", "treated")


def _is_telling(value: str) -> bool:
    """Whether a value can be masked wherever it stands. The path of an existing file is no secret."""
    if len(value) < _SHORTEST or (value.startswith("/") and Path(value).exists()):
        return False
    return not (value.isalpha() and len(value) < _SHORTEST_WORD)


class Redactor:
    """Replaces secret values in text: those of an environment, and what looks like a secret anywhere.

    `environment` is by default the process's own. It is read once, when the first text is redacted.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = environment

    @cached_property
    def _values(self) -> list[str]:
        """The secret values, the longest first: one may hold another."""
        source = os.environ if self._environment is None else self._environment
        values = {value for name, value in source.items() if SECRET_NAME.search(name) and _is_telling(value)}
        return sorted(values, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, MASK)
        text = _SHAPED.sub(MASK, _USERINFO.sub(MASK, text))
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
