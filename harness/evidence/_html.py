"""Pages of HTML from templates: set up once, so that none forgets to mask a secret."""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.evidence.xml_text import as_xml_text
from harness.words.redaction import redact

_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)


def html(template: str, **values: object) -> str:
    """A template with its values filled in: escaped, secrets masked, without the characters that HTML cannot hold."""
    environment = Environment(
        loader=PackageLoader("harness.evidence"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    return environment.get_template(template).render(values)


def without_style(svg: str) -> str:
    """A picture without its own style: a page says it once for all of them."""
    return _STYLE.sub("", svg, count=1)


def _shown(value: object) -> object:
    return redact(as_xml_text(value)) if isinstance(value, str) and not isinstance(value, Markup) else value
