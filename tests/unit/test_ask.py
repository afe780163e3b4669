"""What can be asked of a command is declared once: the command line and the line that asks again agree."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.commands import command_named, commands, parser_of, read
from harness.commands._trials import NEWEST
from harness.words.errors import UsageError
from harness.words.options import Argument, Option, Parser, _Declared, _declared, add_options, again, ask_of, typed
from harness.words.places import session

# All that a word can be, and what looks like an option above all; `--` alone is no value.
WORDS = st.one_of(
    st.text(max_size=8), st.sampled_from(["-n", "--subject", "-x=--", "--results=x", "-1", "a b", "", "'", "%s"])
).filter(lambda word: word != "--")
VALUES: dict[type, st.SearchStrategy[Any]] = {
    str: WORDS,
    Path: WORDS.map(Path).filter(lambda path: str(path) != "--"),
    int: st.integers(1, 10_000),
    bool: st.booleans(),
}


def values(field: _Declared) -> st.SearchStrategy[Any]:
    """All that a field can be given on a command line, and its default."""
    choices = isinstance(field.option, Option) and field.option.choices
    one = st.sampled_from(list(choices)) if choices else VALUES[field.kind]
    least = 1 if isinstance(field.option, Argument) else 0
    one = st.lists(one, min_size=least, max_size=3).map(tuple) if field.is_repeatable else one
    is_given = isinstance(field.option, Argument) or field.default is dataclasses.MISSING
    return one if is_given else one.filter(bool) | st.just(field.default)


@st.composite
def asks(draw: st.DrawFn, name: str) -> Any:
    """Something that can be asked of the command of that name."""
    ask = command_named(name).Ask
    return ask(**{field.name: draw(values(field)) for field in _declared(ask)})


@pytest.mark.parametrize("name", commands())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_line_that_asks_again_is_read_as_the_same(name: str, data: st.DataObject) -> None:
    ask = data.draw(asks(name))
    line = ask.again() if hasattr(ask, "again") else again(name, ask)
    begun = ["harness", "check"] if name == "check" else session(name)
    words = shlex.split(line)
    assert words[: len(begun)] == begun
    assert read(name, words[len(begun) :]) == ask


def test_only_what_differs_from_the_default_is_asked_again_and_what_was_tried() -> None:
    assert typed(read("gate", [])) == ["--subject", *NEWEST]
    assert typed(read("gate", ["-n", "2", "--database", "sqlite"])) == ["--subject", *NEWEST, "-n", "2"]
    assert typed(read("clean", [])) == []


def test_a_field_that_says_no_option_is_named() -> None:
    @dataclass(frozen=True)
    class Bare:
        run: Annotated[str, "a word"]

    with pytest.raises(TypeError, match=r"Bare\.run has no Option"):
        _declared(Bare)


@dataclass(frozen=True, kw_only=True)
class Everything:
    """One field of each kind."""

    where: Annotated[Path, Argument("FOLDER", "where, 100 % of it")]
    names: Annotated[tuple[str, ...], Option("some", flag="--name", metavar="NAME")] = ("a", "b")
    most: Annotated[int | None, Option("at most", flag="-n", metavar="N")] = None
    is_loud: Annotated[bool, Option("louder")] = False


def everything(*words: str) -> Everything:
    parser = Parser("all", "All of it.")
    add_options(parser, Everything)
    return ask_of(Everything, parser.parse_args(words))


def test_a_field_says_how_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert everything("x") == Everything(where=Path("x"))
    assert everything("x", "--name", "c", "-n3", "--is-loud", "--name=d") == Everything(
        where=Path("x"), names=("c", "d"), most=3, is_loud=True
    )
    with pytest.raises(SystemExit):
        everything("--help")
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "FOLDER where, 100 % of it",
        "--name NAME some; repeatable (default: a, b)",
        "-n N at most --is-loud",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "required: FOLDER"),
        (["x", "y"], "unrecognized arguments: y"),
        (["x", "--nam"], "expected one argument"),
        (["x", "--naem", "c"], "Did you mean --name?"),
        (["x", "-n", "0"], "'0' is not a number from 1 to 10000"),
        (["x", "--name=--"], "'--name=--' has no value"),
        (["x", "--is-loud=yes"], "ignored explicit argument"),
    ],
)
def test_what_cannot_be_read_is_wrong_usage_in_at_most_three_lines(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        everything(*words)
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 3
    assert str(raised.value).endswith("See `all --help`.")


@pytest.mark.parametrize("name", commands())
def test_a_help_fits_a_terminal_of_80_columns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, parser_of(name).format_help().splitlines())) <= 80
