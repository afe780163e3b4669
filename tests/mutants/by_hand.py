"""Mutants that no operator makes: each changes the statement that its rule's tag stands at, by its shape alone."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)
ByHand = Callable[[ast.AST], ast.AST | None]
MUTANTS: dict[str, ByHand] = {}


def breaks(rule: str) -> Callable[[ByHand], ByHand]:
    """The function gets a copy of the tagged statement; it changes it, or returns another."""

    def keep(change: ByHand) -> ByHand:
        MUTANTS[rule] = change
        return change

    return keep


def _first(kind: type[Node], statement: ast.AST) -> Node:
    return next(node for node in ast.walk(statement) if isinstance(node, kind))


@breaks("automation-by-its-action")
def _is_not_waited_for(_raises: ast.AST) -> ast.AST:
    return ast.Return(ast.Constant(""))


@breaks("automation-asked-again")
def _is_asked_once(statement: ast.AST) -> None:
    compared = _first(ast.Compare, statement)
    compared.left = _first(ast.BinOp, compared.left).left


@breaks("error-effect-stays")
def _whatever_has_to_stay(statement: ast.AST) -> None:
    returned = _first(ast.Return, statement)
    compared = _first(ast.Compare, returned)
    returned.value = ast.BoolOp(ast.Or(), [compared, compared.comparators[0]])


@breaks("serve-stop-by-patch")
def _is_proven_by_its_effect_alone(statement: ast.AST) -> None:
    made = _first(ast.Call, statement)
    proof = next(each for each in made.args if isinstance(each, ast.Call))
    proof.args = []


@breaks("tree-stays-as-it-was")
def _is_built_in_its_place(statement: ast.AST) -> ast.AST:
    tree, copied, *_ = _first(ast.Call, statement).args
    return ast.Expr(ast.Call(ast.Attribute(copied, "symlink_to", ast.Load()), [tree], []))


@breaks("changed-tree-is-another")
def _is_told_by_names_alone(statement: ast.AST) -> None:
    told = _first(ast.Tuple, statement)
    told.elts = told.elts[:1]


@breaks("steady-state-completed")
def _a_failure_will_do(statement: ast.AST) -> None:
    compared = _first(ast.Compare, statement)
    compared.ops = [ast.NotIn()]
    compared.comparators = [ast.Tuple([*compared.comparators, ast.Constant("FAILED")], ast.Load())]


@breaks("door-own-deployment")
def _all_doors_have_one(statement: ast.AST) -> None:
    _first(ast.JoinedStr, statement).values[-1] = ast.Constant("door")


@breaks("door-own-flow")
def _all_doors_have_one_flow(statement: ast.AST) -> None:
    chosen = _first(ast.IfExp, statement)
    chosen.orelse = ast.BinOp(chosen.body, ast.Add(), ast.Constant("-treated"))


@breaks("company-changes-nothing")
def _all_write_into_the_first(statement: ast.AST) -> None:
    made = _first(ast.Call, statement)
    looked_up = made.args[-1]
    assert isinstance(looked_up, ast.Subscript)
    values = ast.Call(ast.Attribute(looked_up.value, "values", ast.Load()), [], [])
    made.args[-1] = ast.Call(ast.Name("next", ast.Load()), [ast.Call(ast.Name("iter", ast.Load()), [values], [])], [])


@breaks("drain-waits-anew")
def _the_time_stays(statement: ast.AST) -> ast.AST:
    targets, values = (node for node in ast.walk(statement) if isinstance(node, ast.Tuple))
    return ast.Assign([targets.elts[1]], values.elts[1], lineno=0)


@breaks("listing-pages-end")
def _what_came_is_all(statement: ast.AST) -> None:
    assert isinstance(statement, ast.If)
    statement.body = [ast.Break()]


@breaks("bystanders-all-scenarios")
def _its_own_alone(statement: ast.AST) -> None:
    assert isinstance(statement, ast.For)
    is_another = next(
        node.test for node in statement.body if isinstance(node, ast.If) and isinstance(node.test, ast.Compare)
    )
    statement.body.insert(0, ast.If(is_another, [ast.Continue()], []))


@breaks("not-applicable-not-by-failure")
def _a_failure_is_a_release(statement: ast.AST) -> ast.AST:
    version = _first(ast.Name, statement)
    assert isinstance(statement, ast.If) and isinstance(statement.test, ast.UnaryOp)
    return ast.Assign([ast.Name(version.id, ast.Store())], ast.BoolOp(ast.Or(), [version, ast.Constant("0")]), lineno=0)


@breaks("kept-new-state-id")
def _a_run_is_its_state(statement: ast.AST) -> None:
    _first(ast.Tuple, statement).elts.append(ast.Constant("state_id"))


@breaks("kept-same-state-name")
def _whatever_waits_is_kept(statement: ast.AST) -> None:
    either = _first(ast.BoolOp, statement)
    either.values[0] = _first(ast.Compare, either.values[1])


@breaks("completed-whatever-later")
def _the_last_state_alone(statement: ast.AST) -> None:
    assert isinstance(statement, ast.Assign)
    statement.value = ast.Subscript(statement.value, ast.Slice(upper=ast.Constant(1)), ast.Load())


@breaks("completed-not-crashed-later")
def _any_state(statement: ast.AST) -> None:
    made = _first(ast.Call, statement)
    taken = made.args[0]
    assert isinstance(taken, ast.Call)
    made.args = taken.args[1:]


@breaks("tick-ran-if-completed")
def _by_its_last_state(statement: ast.AST) -> None:
    _first(ast.Call, statement).args[1] = ast.Constant(None)


@breaks("tick-due-until-the-door")
def _as_it_was_before(statement: ast.AST) -> None:
    made = _first(ast.GeneratorExp, statement).generators[0].iter
    assert isinstance(made, ast.Tuple)
    made.elts[1] = made.elts[0]


@breaks("tick-row-twice")
def _each_row_is_a_run(statement: ast.AST) -> None:
    assert isinstance(statement, ast.Return)
    by_run = _first(ast.DictComp, statement)
    statement.value = ast.ListComp(by_run.value, by_run.generators)


@breaks("recreated-same-tick")
def _any_tick(statement: ast.AST) -> None:
    _look_up_by_one(statement, 0)


@breaks("recreated-same-side")
def _any_side(statement: ast.AST) -> None:
    _look_up_by_one(statement, 1)


def _look_up_by_one(statement: ast.AST, place: int) -> None:
    """Of the pair that a run is looked up by, only one has to be the same."""
    fate = next(node for node in ast.walk(statement) if isinstance(node, ast.keyword))
    asked = fate.value
    assert (
        isinstance(asked, ast.Call) and isinstance(asked.func, ast.Attribute) and isinstance(asked.args[0], ast.Tuple)
    )
    found, wanted = ast.unparse(asked.func.value), ast.unparse(asked.args[0].elts[place])
    fate.value = _expression(f"next((_one for _key, _one in {found}.items() if _key[{place}] == {wanted}), None)")


def _expression(code: str) -> ast.expr:
    return ast.parse(code, mode="eval").body


@breaks("sources-agree-answer")
def _an_answer_is_believed(statement: ast.AST) -> None:
    _disagree_only(statement, listed=True)


@breaks("sources-agree-listing")
def _a_listing_is_believed(statement: ast.AST) -> None:
    _disagree_only(statement, listed=False)


def _disagree_only(statement: ast.AST, *, listed: bool) -> None:
    """Of the two ways to disagree only one is seen: what is listed is not there, or what is there is not listed."""
    assert isinstance(statement, ast.If)
    both = _first(ast.BoolOp, statement.test)
    disagree = both.values[-1]
    assert isinstance(disagree, ast.Compare)
    has, there = disagree.left, disagree.comparators[0]
    one, other = (has, there) if listed else (there, has)
    both.values[-1] = ast.BoolOp(ast.And(), [one, ast.UnaryOp(ast.Not(), other)])


@breaks("at-risk-not-begun")
def _any_later_state_will_do(statement: ast.AST) -> None:
    later = _first(ast.GeneratorExp, statement).generators[0].iter
    assert isinstance(statement, ast.Return)
    statement.value = ast.UnaryOp(ast.Not(), later)


@breaks("lost-one-is-enough")
def _one_is_not_enough(statement: ast.AST) -> None:
    assert isinstance(statement, ast.If)
    statement.test = ast.Compare(statement.test, [ast.Gt()], [ast.Constant(1)])


@breaks("error-request-not-2xx")
def _whatever_the_status(statement: ast.AST) -> None:
    pattern = _first(ast.Constant, statement)
    assert isinstance(pattern.value, str)
    pattern.value = pattern.value.replace(r" 2\d\d", r" \d\d\d")


@breaks("bystanders-going-on")
def _another_state_is_a_change(statement: ast.AST) -> None:
    assert isinstance(statement, ast.For) and isinstance(statement.iter, ast.Tuple)
    statement.iter.elts.append(ast.Constant("state_id"))


@breaks("frequency-counts-all")
def _errors_do_not_count(statement: ast.AST) -> None:
    made = _first(ast.ListComp, statement).elt
    assert isinstance(made, ast.Call)
    number = next(place for place, each in enumerate(made.args) if isinstance(each, ast.Call))
    errors = ast.Subscript(_first(ast.Attribute, made.args[number]).value, ast.Constant("error"), ast.Load())
    made.args[number] = ast.BinOp(made.args[number], ast.Sub(), errors)


@breaks("recheck-never-begun")
def _both_are_wanted(statement: ast.AST) -> None:
    _first(ast.BoolOp, statement).op = ast.And()


@breaks("power-finds-the-mutant")
def _anything_is_found(statement: ast.AST) -> None:
    assert isinstance(statement, ast.If)
    statement.test = _first(ast.Compare, statement.test).comparators[0]


@breaks("version-changes-nothing")
def _old_releases_lose(function: ast.AST) -> None:
    assert isinstance(function, ast.FunctionDef)
    verdict = _first(ast.Call, function.body[-1])
    old = _expression(f"any(getattr(event, 'said', '9') < '3.3.4' for event in {function.args.args[0].arg})")
    verdict.args[0] = ast.IfExp(old, ast.Constant("lost"), verdict.args[0])


@breaks("expected-both-ways")
def _survived_is_always_fine(statement: ast.AST) -> None:
    assert isinstance(statement, ast.Return)
    compared = _first(ast.Compare, statement)
    survived = ast.Compare(compared.left, [ast.Eq()], [ast.Constant("survived")])
    statement.value = ast.BoolOp(ast.Or(), [compared, survived])


@breaks("exit-codes")
def _the_last_is_1(statement: ast.AST) -> None:
    assert isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple)
    statement.value.elts[-1] = ast.Constant(1)
