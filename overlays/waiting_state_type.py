"""Runs that wait have a state type of their own, `WAITING`: what deletes runs of the type SCHEDULED spares them.

A prototype of the long fix of PrefectHQ/prefect#17764 (docs/long-term-fix.md). A server gives the type to each state
that is called Late, AwaitingConcurrencySlot or AwaitingRetry, whoever proposed it; a client has to know it. Each place
of Prefect's that asks for SCHEDULED asks for WAITING, too, except those that delete runs, schedule them, or mark them
late.
"""

import ast
import copy
import functools
import re

RELEASES = "==3.3.3"
WAITS = ("Late", "AwaitingConcurrencySlot", "AwaitingRetry")
# The modules whose source is changed as they are imported, and in how many places each (counted on 3.3.3).
REWRITES = {
    "prefect.client.schemas.objects": 3,
    "prefect.server.schemas.states": 5,
    "prefect.server.schemas.actions": 2,
    "prefect.server.orchestration.core_policy": 7,
    "prefect.server.database.query_components": 2,
    "prefect.server.services.cancellation_cleanup": 1,
    "prefect.server.models.work_queues": 1,
    "prefect.server.api.deployments": 1,
    "prefect.server.api.flow_runs": 1,
    "prefect.server.api.ui.flows": 4,
}
MODULE = (
    "prefect.server.database.query_components",  # what a worker's poll asks for lies in templates
    "prefect.server.models.deployments",
    "prefect.server.database.alembic_commands",
)
_SQL = re.compile(r"\bstate_type = 'SCHEDULED'")
_SQL_BOTH = "state_type IN ('SCHEDULED', 'WAITING')"


def rewrite(name, tree):
    """The module's source with WAITING beside SCHEDULED."""
    adding = _Adding(names_states=name.startswith("prefect.server.schemas."))
    tree = adding.visit(tree)
    if adding.places != REWRITES[name]:
        raise TypeError(f"{name} has {adding.places} places to change, not {REWRITES[name]}")
    return tree


class _Adding(ast.NodeTransformer):
    """Adds WAITING where SCHEDULED is declared, compared with, or a member of a set or list."""

    def __init__(self, *, names_states):
        self.places = 0
        self._names_states = names_states

    def visit_ClassDef(self, node):
        self.generic_visit(node)
        for each in [each for each in node.body if _declares(each)]:
            node.body.append(_as_waiting(each))
            self.places += 1
        return node

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        if self._names_states and node.name == "default_scheduled_start_time":
            given = f"if self.type == 'SCHEDULED' and self.name in {WAITS}: self.type = type(self.type).WAITING"
            node.body[:0] = ast.parse(given).body
            self.places += 1
        return node

    def visit_Compare(self, node):
        self.generic_visit(node)
        (to,), (how,) = node.comparators[:1], node.ops[:1]
        if not _is_scheduled(to):
            return node
        both = ast.Tuple([to, _as_waiting(to)], ast.Load())
        self.places += 1
        if isinstance(node.left, ast.Attribute) and node.left.attr == "state_type":  # a column
            return ast.Call(ast.Attribute(node.left, "in_", ast.Load()), [both], [])
        return ast.Compare(node.left, [ast.In() if isinstance(how, ast.Eq) else ast.NotIn()], [both])

    def visit_Set(self, node):
        self.generic_visit(node)
        if found := [each for each in node.elts if _is_scheduled(each)]:
            node.elts.append(_as_waiting(found[0]))
            self.places += 1
        return node

    visit_List = visit_Set  # noqa: N815 (ast's name)

    def visit_Constant(self, node):
        if isinstance(node.value, str):
            node.value, changed = _SQL.subn(_SQL_BOTH, node.value)
            self.places += changed
        return node


def _is_scheduled(node):
    return isinstance(node, ast.Attribute) and node.attr == "SCHEDULED"


def _declares(node):
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return any(isinstance(each, ast.Name) and each.id == "SCHEDULED" for each in targets)


def _as_waiting(node):
    node = copy.deepcopy(node)
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and each.id == "SCHEDULED":
            each.id = "WAITING"
        elif isinstance(each, ast.Attribute) and each.attr == "SCHEDULED":
            each.attr = "WAITING"
    return node


def patch(module):
    {
        "query_components": _change_templates,
        "deployments": _delete_with_the_deployment,
        "alembic_commands": _migrate_after_upgrade,
    }[module.__name__.rpartition(".")[2]](module)


def _change_templates(module):
    from jinja2 import FunctionLoader

    environment, given = module.jinja_env, module.jinja_env.loader

    def load(name):
        source, changed = _SQL.subn(_SQL_BOTH, given.get_source(environment, name)[0])
        if changed != 1:
            raise TypeError(f"{name} asks for SCHEDULED in {changed} places, not in one")
        return source

    for name in given.list_templates():  # whether it fits shows as the module is imported
        load(name)
    environment.loader = FunctionLoader(load)


def _delete_with_the_deployment(module):
    """The deletion of a deployment alone deletes whatever has not begun, as ever."""
    import sqlalchemy as sa
    from prefect.server.database.dependencies import provide_database_interface

    original = module._delete_scheduled_runs

    @functools.wraps(original)
    async def _delete_scheduled_runs(*args, **kwargs):
        await original(*args, **kwargs)
        if not kwargs.get("auto_scheduled_only"):
            runs = provide_database_interface().FlowRun
            which = (runs.deployment_id == kwargs["deployment_id"], runs.state_type == "WAITING", runs.run_count == 0)
            await kwargs["session"].execute(sa.delete(runs).where(*which))

    module._delete_scheduled_runs = _delete_scheduled_runs


def _migrate_after_upgrade(module):
    """Where a revision of Alembic's would add the type and rewrite the rows."""
    from prefect.utilities.asyncutils import run_async_from_worker_thread

    original = module.alembic_upgrade

    @functools.wraps(original)
    def alembic_upgrade(*args, **kwargs):
        original(*args, **kwargs)
        if not kwargs.get("dry_run"):
            run_async_from_worker_thread(_migrate)

    module.alembic_upgrade = alembic_upgrade


async def _migrate():
    import sqlalchemy as sa
    from prefect.server.database.dependencies import provide_database_interface

    engine = await provide_database_interface().engine()
    if engine.dialect.name == "postgresql":  # a new value can be used once it is committed
        async with engine.connect() as connected:
            connection = await connected.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(sa.text("ALTER TYPE state_type ADD VALUE IF NOT EXISTS 'WAITING'"))
    tables = provide_database_interface()
    async with engine.begin() as connection:
        for runs, states in ((tables.FlowRun, tables.FlowRunState), (tables.TaskRun, tables.TaskRunState)):
            for table, type_, name in ((runs, "state_type", "state_name"), (states, "type", "name")):
                waits = sa.and_(getattr(table, type_) == "SCHEDULED", getattr(table, name).in_(WAITS))
                await connection.execute(sa.update(table).where(waits).values({type_: "WAITING"}))
