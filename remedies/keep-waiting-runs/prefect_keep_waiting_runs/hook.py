"""Has one module of Prefect's server changed as it is imported. `prefect_keep_waiting_runs.pth` loads this file.

That happens at each start of Python, so that it imports next to nothing: the change itself only where a server runs.
"""

import sys
from importlib.machinery import PathFinder, SourceFileLoader

MODULE = "prefect.server.models.deployments"
MARK = "__keep_waiting_runs__"  # of the module, once it is changed


class _Loader(SourceFileLoader):
    """Loads the module as ever, and changes it then."""

    def exec_module(self, module):
        super().exec_module(module)
        from prefect_keep_waiting_runs import fix

        check_release(fix.RELEASES)
        fix.patch(module)
        setattr(module, MARK, True)


class _Finder:
    """Finds the module where Python would, and loads it by the loader above."""

    def find_spec(self, name, path=None, target=None):
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def check_release(fits):
    """Raises: RuntimeError on a release of Prefect that the change was not made for; its server does not start then."""
    from importlib.metadata import version

    from packaging.specifiers import SpecifierSet

    found = version("prefect")
    if not SpecifierSet(fits).contains(found, prereleases=True):
        raise RuntimeError(
            f"prefect-keep-waiting-runs is for Prefect {fits}, and this is {found}. "
            "Remove it: pip uninstall prefect-keep-waiting-runs"
        )


sys.meta_path.insert(0, _Finder())
