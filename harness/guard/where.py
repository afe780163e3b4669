"""Which server a guard speaks to, and with which key: as asked, by the environment, or by Prefect's own profile."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx

from harness.words.errors import UsageError
from harness.words.options import Option, Usual

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

URL, KEY, PASSWORD = "PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"
_NEXT = f"Give --api URL, set {URL}, or choose a profile with `prefect profile use NAME`."
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

ApiUrl = Annotated[
    str,
    Option("the server's API, as http://HOST:4200/api", flag="--api", metavar="URL"),
    Usual(f"{URL}, else Prefect's own profile"),
]
KeyFile = Annotated[
    Path | None, Option("a file that holds the API key alone", metavar="FILE"), Usual(f"{KEY}, else the profile's key")
]
Minutes = Annotated[int, Option("how long the server may take in all", metavar="N")]


@dataclass(frozen=True)
class Where:
    """A server's API by its URL, and what is said to be let in. `repr` shows neither key nor password.

    key       sent as `Authorization: Bearer`
    password  `user:password`, sent as `Authorization: Basic`
    by        what names the server, for people
    """

    url: str
    key: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    by: str = ""

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine: then no proxy stands between."""
        return httpx.URL(self.url).host in _LOOPBACK


def where(api: str, key_file: Path | None, environment: Mapping[str, str], home: Path) -> Where:
    """The server that is asked for; `home` is the person's own folder.

    A key of a profile goes to no other server than the profile's. Raises: UsageError.
    """
    profile: Mapping[str, Any] = {}
    by, url = ("--api", api) if api else (URL, environment.get(URL, ""))
    if not url:
        name, profile = _profile(environment, home)
        by, url = f"Prefect's profile {name!r}", str(profile.get(URL) or "")
        if not url:
            raise UsageError(f"No server is named: {by} has no {URL}.\n{_NEXT}")
    key = _read(key_file) if key_file else environment.get(KEY, "") or str(profile.get(KEY) or "")
    password = "" if key else environment.get(PASSWORD, "") or str(profile.get(PASSWORD) or "")
    if not (key + password).isascii() or any(letter.isspace() for letter in key):
        raise UsageError("The API key holds a blank or a letter that no key has; the file has to hold the key alone.")
    return Where(_checked(url), key, password, by)


def _checked(url: str) -> str:
    """A URL without a slash at its end. Raises: UsageError for one that cannot be asked, or that holds a password."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise UsageError(f"The URL of the API cannot be read. It should be as http://HOST:4200/api.\n{_NEXT}") from None
    if parsed.userinfo:  # rule: guard-no-key-in-a-url
        raise UsageError(f"The URL of the API holds a password, which would be seen. Set {PASSWORD} in place of it.")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise UsageError(f"{url!r} is no URL of an API. It should be as http://HOST:4200/api.\n{_NEXT}")
    return str(parsed).rstrip("/")


def _read(file: Path) -> str:
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"--key-file {str(file)!r} cannot be read: {why}.") from None
    if not key:
        raise UsageError(f"--key-file {str(file)!r} is empty.")
    return key


def _profile(environment: Mapping[str, str], home: Path) -> tuple[str, Mapping[str, Any]]:
    """Name and settings of the active profile (Prefect's settings/profiles: profiles.toml in PREFECT_HOME)."""
    folder = Path(environment.get("PREFECT_HOME") or home / ".prefect").expanduser()
    file = Path(environment.get("PREFECT_PROFILES_PATH") or folder / "profiles.toml").expanduser()
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"No server is named: {URL} is not set, and there is no {str(file)!r}.\n{_NEXT}") from None
    except (OSError, ValueError):
        raise UsageError(f"No server is named: {str(file)!r} cannot be read as TOML.\n{_NEXT}") from None
    name = environment.get("PREFECT_PROFILE") or said.get("active")
    profiles = said.get("profiles")
    profile = profiles.get(name) if isinstance(profiles, dict) and isinstance(name, str) else None
    if not isinstance(profile, dict):
        raise UsageError(f"No server is named: {str(file)!r} has no active profile.\n{_NEXT}")
    return str(name), profile
