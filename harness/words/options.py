"""What can be asked of a command, declared once: a frozen dataclass whose fields are the options.

The command line, its help and the line that asks the same again are all made from that declaration. A field says how
it is asked for by its type and an `Option` (or an `Argument`, which has no name on the command line):

    @dataclass(frozen=True, kw_only=True)
    class Ask:
        run: Annotated[Path, Argument("RUN", "a results folder")]
        labs: Annotated[int | None, Option("labs at once", flag="-n", metavar="N")] = None

A `bool` is a flag that takes no value, a tuple an option that can be given several times, an `int` a number from 1 on.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import itertools
import shlex
import sys
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn, TypeVar

from harness.words.errors import UsageError
from harness.words.places import session

AskT = TypeVar("AskT")
_MOST = 10_000  # repetitions, labs at once, minutes: a larger number is a slip of the finger, and would fill the memory


@dataclass(frozen=True)
class Option:
    """How a field is given on the command line.

    help     what it is, for people; what it is by default is added
    flag     as it is typed; empty: `--` and the field's name
    metavar  what stands for its value in the help
    choices  the only values that are accepted
    names    a function that gives the names that exist; the help lists them. Another name is refused later, with the
             nearest that exists. No lambda: in an annotation that is kept as text it could not use the module's names
    always   the line that asks again has it even where it is the default
    least    the smallest number that is accepted, for an `int`
    most     the largest
    """

    help: str = ""
    flag: str = ""
    metavar: str | None = None
    choices: Sequence[str] | None = None
    names: Callable[[], Iterable[str]] | None = None
    always: bool = False
    least: int = 1
    most: int = _MOST


@dataclass(frozen=True)
class Argument:
    """A field that is given by its place on the command line; a tuple takes one or more."""

    metavar: str
    help: str


@dataclass(frozen=True)
class Usual:
    """What the help calls the default, where the value itself would not say it."""

    words: str | Callable[[], str]


@dataclass(frozen=True)
class _Declared:
    """A field of an Ask, with what its annotation says."""

    name: str
    option: Option | Argument
    usual: Usual | None
    default: Any  # dataclasses.MISSING: it has to be given
    kind: type  # of one value
    is_repeatable: bool

    @property
    def flag(self) -> str:
        if isinstance(self.option, Argument):
            return ""
        return self.option.flag or f"--{self.name.replace('_', '-')}"

    def text(self) -> str:
        """Its line of the help."""
        parts = [self.option.help]
        if isinstance(self.option, Option):
            if self.option.names:
                parts.append(f"one of {', '.join(self.option.names())}")
            if self.is_repeatable:
                parts.append("repeatable")
        said = "; ".join(filter(None, parts))
        default = self._default_in_words()
        return f"{said} (default: {default})" if default else said

    def _default_in_words(self) -> str:
        if self.usual:
            return self.usual.words if isinstance(self.usual.words, str) else self.usual.words()
        if self.default is dataclasses.MISSING or self.kind is bool or not self.default:
            return ""
        return ", ".join(map(str, self.default if self.is_repeatable else [self.default]))


def _declared(ask: type[Any]) -> list[_Declared]:
    """The fields of an Ask. Raises TypeError for one that has no Option and no Argument."""
    hints = typing.get_type_hints(ask, include_extras=True)
    found = []
    for field in dataclasses.fields(ask):
        said = getattr(hints[field.name], "__metadata__", ())
        options = [one for one in said if isinstance(one, Option | Argument)]
        if not options:
            raise TypeError(f"{ask.__module__}.{ask.__qualname__}.{field.name} has no Option and no Argument")
        usual = [one for one in said if isinstance(one, Usual)]
        kind = typing.get_args(hints[field.name])[0]
        is_repeatable = typing.get_origin(kind) is tuple
        if is_repeatable or typing.get_origin(kind) in (typing.Union, types.UnionType):
            kind = typing.get_args(kind)[0]
        found.append(
            _Declared(field.name, options[-1], usual[-1] if usual else None, field.default, kind, is_repeatable)
        )
    return found


def number(text: str, least: int = 1, most: int = _MOST) -> int:
    """A number from the least to the most that makes sense. Raises: ArgumentTypeError."""
    if not (text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a number from {least} to {most}")
    return int(text)


class _Formatter(argparse.HelpFormatter):
    """As argparse's own, but that a text of several lines keeps them."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class Parser(argparse.ArgumentParser):
    """A parser whose errors name the nearest option that exists, in one to three lines."""

    def __init__(self, prog: str, description: str, epilog: str = "", **rest: Any) -> None:
        super().__init__(
            prog=prog,
            description=description.replace("%", "%%"),
            epilog=epilog.replace("%", "%%"),
            formatter_class=_Formatter,
            **rest,
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's own, but that `--option=--` is refused: argparse would drop the value."""
        words = list(sys.argv[1:] if args is None else args)
        options = itertools.takewhile(lambda word: word != "--", words)
        if bare := [word for word in options if word.startswith("-") and word.partition("=")[2] == "--"]:
            self.error(f"{bare[0]!r} has no value")
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        """Raises: UsageError."""
        known = [option for action in self._actions for option in action.option_strings]
        for word in message.replace("unrecognized arguments:", "").split():
            option = word.partition("=")[0].rstrip(":")
            near = difflib.get_close_matches(option, known, n=1) if word.startswith("-") else []
            if near and option not in known:
                message += f". Did you mean {near[0]}?"
                break
        raise UsageError(f"{message}\nSee `{self.prog} --help`.")


def add_options(parser: argparse.ArgumentParser, ask: type) -> None:
    """Give a parser the options of an Ask."""
    for field in _declared(ask):
        option, text = field.option, field.text().replace("%", "%%")
        convert: Any = field.kind
        if field.kind is int:
            limits = (option.least, option.most) if isinstance(option, Option) else (1, _MOST)
            convert = partial(number, least=limits[0], most=limits[1])
        if isinstance(option, Argument):
            nargs: Any = "+" if field.is_repeatable else None
            parser.add_argument(field.name, metavar=option.metavar, help=text, type=convert, nargs=nargs)
        elif field.kind is bool:
            parser.add_argument(field.flag, dest=field.name, help=text, action="store_true", default=None)
        else:
            parser.add_argument(
                field.flag, dest=field.name, help=text, metavar=option.metavar, choices=option.choices, type=convert,
                action="append" if field.is_repeatable else "store", required=field.default is dataclasses.MISSING,
            )  # fmt: skip


def ask_of(ask: type[AskT], parsed: argparse.Namespace) -> AskT:
    """The Ask that a parser with its options has read."""
    given = {field.name: getattr(parsed, field.name) for field in _declared(ask)}
    several = {field.name for field in _declared(ask) if field.is_repeatable}
    return ask(
        **{name: tuple(value) if name in several else value for name, value in given.items() if value is not None}
    )


def typed(ask: Any) -> list[str]:
    """What a person types after the command to ask this: every field that has not its default."""
    options, arguments = [], []
    for field in _declared(type(ask)):
        value = getattr(ask, field.name)
        values = [str(one) for one in value] if field.is_repeatable else [str(value)]
        if isinstance(field.option, Argument):
            arguments += values
        elif value == field.default and not (field.option.always and value):
            continue
        elif field.kind is bool:
            options.append(field.flag)
        else:
            for one in values:  # a value that looks like an option is one word with its own
                options += [f"{field.flag}={one}"] if one.startswith("-") else [field.flag, one]
    return options + (["--", *arguments] if any(one.startswith("-") for one in arguments) else arguments)


def again(command: str, ask: Any) -> str:
    """The line that asks the same again, from the checkout's root."""
    return shlex.join([*session(command), *typed(ask)])
