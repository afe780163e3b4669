"""What looks like a secret is kept out of everything that is written down, and what does not stays readable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.words.redaction import MASK, Redactor

NOTHING = Redactor({})


@pytest.mark.parametrize(
    "name",
    ["PREFECT_API_KEY", "GITHUB_TOKEN", "my_secret", "DB_PASSWORD", "PGPASSWD", "AWS_CREDENTIALS", "BASIC_AUTH",
     "SESSION_COOKIE", "PREFECT_API_DATABASE_CONNECTION_URL", "SENTRY_DSN"],
)  # fmt: skip
def test_the_value_of_a_setting_that_names_a_secret_is_masked_wherever_it_stands(name: str) -> None:
    assert Redactor({name: "hunter2hunter2"})("GET /?x=hunter2hunter2 by hunter2hunter2") == "GET /?x=*** by ***"


@pytest.mark.parametrize(
    "setting", [{"LANG": "C.UTF-8"}, {"API_KEY": "short"}, {"SSH_AUTH_SOCK": "/usr/bin/env"}], ids=str
)
def test_what_is_no_secret_too_short_or_a_path_is_left_alone(setting: dict[str, str]) -> None:
    (value,) = setting.values()
    assert Redactor(setting)(f"in {value}.") == f"in {value}."


def test_a_secret_that_holds_another_is_masked_whole() -> None:
    redact = Redactor({"A_TOKEN": "abc123", "B_TOKEN": "abc123-and-more"})
    assert redact("abc123-and-more, abc123") == f"{MASK}, {MASK}"


def test_the_environment_is_read_when_the_first_text_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    redact = Redactor()
    monkeypatch.setenv("A_TOKEN", "hunter2hunter2")
    assert redact("hunter2hunter2") == MASK


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql+asyncpg://me:pa55word@db:5432/x", "postgresql+asyncpg://***@db:5432/x"),
        ("PREFECT_API_KEY=pnu_123456", "PREFECT_API_KEY=***"),
        ("api_key: 'pnu_123456', n: 1", "api_key: '***', n: 1"),
        ("PREFECT_SERVER_API_AUTH_STRING=admin:pass", "PREFECT_SERVER_API_AUTH_STRING=***"),
        ("password = hunter2", "password = ***"),
    ],
)
def test_a_secret_that_is_nowhere_in_the_environment_is_known_by_its_shape(text: str, masked: str) -> None:
    assert NOTHING(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:4200/api",
        "nonce-0123456789abcdef",
        "2026-11-22T08:03:35Z AwaitingConcurrencySlot Late COMPLETED",
        '"POST /api/flow_runs/6cda507c-01e9-498c-8d65-0322ac296362/set_state HTTP/1.1" 201 Created',
        "keyboard monkey, tokens: 3",
    ],
)
def test_what_a_verdict_or_a_reader_needs_is_left_as_it_is(text: str) -> None:
    assert NOTHING(text) == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30)
@given(json_values, st.text(alphabet="ab\"\\{}:,\n'é", min_size=6, max_size=9).filter(lambda text: text.strip("*")))
def test_any_value_keeps_its_shape_stays_json_and_loses_the_secret(value: Any, secret: str) -> None:
    redacted = Redactor({"A_SECRET": secret}).value({"said": secret, "rest": value})
    assert json.loads(json.dumps(redacted)) == redacted
    assert redacted["said"] == MASK
    assert shape(redacted["rest"]) == shape(value)


def shape(value: Any) -> Any:
    """The value with its strings taken out."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return "" if isinstance(value, str) else value


@pytest.mark.parametrize(
    "text",
    [
        "https://t0ken-of-an-index@host/simple",
        "https://user:p@ssw0rd@host/simple",
        '{"api_key": "pnu_0123456789abcdef"}',
        "X-API-Key: 0123456789abcdef",
        "Authorization: Bearer 0123456789abcdef",
    ],
)
def test_what_has_the_shape_of_a_secret_is_masked_wherever_it_comes_from(text: str) -> None:
    masked = Redactor({})(text)
    assert MASK in masked
    for secret in ("t0ken", "ssw0rd", "0123456789abcdef"):
        assert secret not in masked


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "FOO_KEY"])
def test_a_setting_whose_value_is_a_plain_word_does_not_mask_our_own_words(name: str) -> None:
    assert Redactor({name: "prefect"})("prefect-deploy") == "prefect-deploy"


@pytest.mark.parametrize("name", ["GIT_AUTHOR_NAME", "UV_KEYRING_PROVIDER"])
def test_a_setting_that_only_sounds_like_a_secret_is_left_alone(name: str) -> None:
    assert Redactor({name: "some-value-1"})("some-value-1") == "some-value-1"


def test_a_pinned_requirement_is_no_assignment_of_a_secret() -> None:
    assert Redactor({})("tokenizers==0.21.0") == "tokenizers==0.21.0"
