"""Text that XML can hold, of whatever a trial's evidence quotes."""

from __future__ import annotations

import re

_NOT_IN_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def as_xml_text(value: object) -> str:
    """A value as text, without the control characters that XML cannot hold; None is empty."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", "" if value is None else str(value))
