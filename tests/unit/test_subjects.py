"""Which Prefect a subject's name means; a wheel or a source tree of one's own made into a subject, with no network."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from harness.engines.processes.environment import _make_database
from harness.runs.ask import RunAsk
from harness.runs.plan import choose_trials
from harness.runs.plan_of_run import plan_run
from harness.subjects import kinds
from harness.subjects.kinds import check_name, is_release, resolve
from harness.subjects.release import Release, Target
from harness.subjects.uv_tool import UvError
from harness.words.errors import LabError, UsageError
from harness.words.plan import slug

HERE = Target(f"{sys.version_info.major}.{sys.version_info.minor}", "")
# A build backend in the tree itself, so that nothing has to be fetched; what it builds says what the tree held.
BACKEND = """
import pathlib, zipfile

INFO = "{name}-9.9.9+mine.dist-info"
METADATA = "Metadata-Version: 2.1\\nName: {name}\\nVersion: 9.9.9+mine\\n"
WHEEL = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "{name}-9.9.9+mine-py3-none-any.whl"
    pathlib.Path("left-by-the-build").touch()
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        wheel.write("said.txt")
        for file, text in (("METADATA", METADATA), ("WHEEL", WHEEL), ("RECORD", "")):
            wheel.writestr(f"{INFO}/{file}", text)
    return name
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_RUN_SURVIVAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")


def source_tree(folder: Path, name: str = "prefect") -> Path:
    """A source tree that builds a wheel of this name, version 9.9.9+mine, holding its `said.txt`."""
    folder.mkdir()
    (folder / "backend.py").write_text(BACKEND.replace("{name}", name), encoding="utf-8")
    (folder / "said.txt").write_text("as committed", encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n', encoding="utf-8"
    )
    return folder


def held(wheel: Path | None) -> str:
    """What the wheel's `said.txt` says."""
    assert wheel
    with zipfile.ZipFile(wheel) as files:
        return files.read("said.txt").decode()


def no_image(asked: str) -> Release:
    raise AssertionError(f"{asked} is no image")


@pytest.mark.rule("tree-stays-as-it-was", "A source tree is not changed by building it.")
def test_a_source_tree_is_built_as_it_stands_and_stays_as_it_was(tmp_path: Path) -> None:
    tree = source_tree(tmp_path / "tree")
    (tree / "said.txt").write_text("changed, and not committed", encoding="utf-8")
    found = resolve(f"path:{tree}", HERE, no_image)
    assert (found.asked, found.version) == (f"path:{tree}", "9.9.9+mine")
    assert held(found.wheel) == "changed, and not committed"
    assert sorted(path.name for path in tree.iterdir()) == ["backend.py", "pyproject.toml", "said.txt"]


@pytest.mark.rule("changed-tree-is-another", "A changed source tree is another subject.")
def test_the_same_tree_is_the_same_subject_and_a_changed_one_is_another(tmp_path: Path) -> None:
    tree = source_tree(tmp_path / "tree")
    first, again = resolve(f"path:{tree}", HERE, no_image), resolve(f"path:{tree}", HERE, no_image)
    assert first.lock == again.lock
    (tree / "said.txt").write_text("changed", encoding="utf-8")
    assert resolve(f"path:{tree}", HERE, no_image).lock != first.lock


def test_a_wheel_is_the_subject_itself_and_its_lock_holds_its_dependencies_alone(tmp_path: Path) -> None:
    built = resolve(f"path:{source_tree(tmp_path / 'tree')}", HERE, no_image).wheel
    found = resolve(f"wheel:{built}", HERE, no_image)
    assert (found.wheel, found.version) == (built, "9.9.9+mine")
    assert not [line for line in found.lock.splitlines() if line and not line.startswith("#")]
    assert "prefect-9.9.9" in found.lock and str(tmp_path) not in found.lock


def test_a_tree_that_does_not_build_says_so_in_its_own_words(tmp_path: Path) -> None:
    tree = source_tree(tmp_path / "tree")
    (tree / "backend.py").write_text("raise RuntimeError('the build is broken')", encoding="utf-8")
    with pytest.raises(UvError) as refused:
        resolve(f"path:{tree}", HERE, no_image)
    assert "the build is broken" in refused.value.reason + refused.value.log


@pytest.mark.rule("tree-of-version-0", "A source tree whose version is 0 is refused.")
def test_a_tree_without_its_tags_is_no_subject_since_its_version_says_nothing(tmp_path: Path) -> None:
    tree = source_tree(tmp_path / "tree")
    backend = (tree / "backend.py").read_text(encoding="utf-8")
    (tree / "backend.py").write_text(backend.replace("9.9.9+mine", "0.0.0+mine"), encoding="utf-8")
    with pytest.raises(UvError, match="fetch the repository's tags"):
        resolve(f"path:{tree}", HERE, no_image)


def test_a_tree_of_another_package_is_refused(tmp_path: Path) -> None:
    tree = source_tree(tmp_path / "tree", name="airflow")
    with pytest.raises(UsageError, match="a wheel of airflow, not of prefect"):
        resolve(f"path:{tree}", HERE, no_image)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("newest", "is not a subject"),
        ("3.3.3.whl", "is not a subject"),
        ("sha:3.3.3", "is not a subject"),
        ("wheel:prefect.whl", "is not a wheel"),
        ("wheel:airflow-3.0.0-py3-none-any.whl", "a wheel of airflow, not of prefect"),
        ("wheel:/nowhere/prefect-3.3.4-py3-none-any.whl", "There is no wheel"),
        ("wheel:", "is not a wheel"),
        ("path:/nowhere", "is not a source tree"),
        ("path:", "is not a source tree"),
        ("path:~no-such-user/prefect", "the home of a user"),
        ("wheel:~no-such-user/prefect-3.3.4-py3-none-any.whl", "the home of a user"),
        ("image:", "names no image"),
        ("image:two words", "names no image"),
        ("image:--privileged", "names no image"),
        ("3.3.4/worker=old", "is not a subject"),
        ("3.3.4/worker=", "is not a subject"),
        ("3.3.4/server=3.3.3", "is not a subject"),
        ("3.3.4/worker=3.3.3/worker=3.0.9", "says twice what the worker is"),
        ("3.3.4/deployer=wheel:prefect.whl", "is not a wheel"),
    ],
)
def test_what_can_be_no_subject_is_refused_before_anything_is_started(asked: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        check_name(asked)
    assert len(str(refused.value).splitlines()) <= 3


def test_a_plain_release_is_one_of_every_role() -> None:
    assert all(is_release(asked) for asked in ("3.3.3", "2.20.20", "latest"))
    others = ("wheel:prefect-3.3.4-py3-none-any.whl", "path:.", "image:prefecthq/prefect:3.3.4", "3.3.4/worker=3.3.3")
    assert not any(is_release(asked) for asked in others)


def test_the_server_comes_first_and_worker_and_deployer_may_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "resolve_release", lambda asked, _: Release(asked, asked, "", f"prefect=={asked}"))
    image = Release("image:mine", "3.0.9", "", "", image="sha256:1")
    found = resolve("3.3.4/deployer=image:mine:5000/worker=3.3.3", HERE, lambda asked: replace(image, asked=asked))
    assert (found.asked, found.version) == ("3.3.4/deployer=image:mine:5000/worker=3.3.3", "3.3.4")
    assert {role: (part.asked, part.version) for role, part in found.roles.items()} == {
        "deployer": ("image:mine:5000", "3.0.9"),
        "worker": ("3.3.3", "3.3.3"),
    }
    assert resolve("3.3.4", HERE, no_image).roles == {}


def test_a_subjects_name_is_made_fit_for_folders_and_containers_and_stays_its_own() -> None:
    assert slug("3.3.4") == "3.3.4"
    trees = ["path:../prefect", "path:.../prefect", "path:/a b/prefect", "path:/a-b/prefect", "path:" + "x" * 300]
    names = [slug(tree) for tree in trees]
    assert len(set(names)) == len(trees)
    for name in names:
        assert len(name) < 60
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@pytest.mark.rule("own-builds-expect-survived", "A wheel and a source tree are expected to survive.")
def test_a_tree_of_ones_own_is_held_to_survived_and_a_release_to_what_is_known(tmp_path: Path) -> None:
    releases: dict[str, Release | LabError] = {
        asked: Release(asked, "3.3.3", "", "") for asked in ("3.3.3", "latest", "path:.", "wheel:prefect.whl")
    }
    ask = RunAsk(subjects=tuple(releases), results=tmp_path, labs=1)
    engine = SimpleNamespace(name="fake", describe=lambda: "a fake")
    plan = plan_run(ask, "run", releases, choose_trials("reproduce", ["worker-outage"], []), engine, only={})
    assert {cell.subject: cell.expected for cell in plan.cells} == {
        "3.3.3": "lost",
        "latest": "lost",
        "path:.": "survived",
        "wheel:prefect.whl": "survived",
    }


def test_each_repetition_has_a_lab_and_a_folder_of_its_own(tmp_path: Path) -> None:
    releases: dict[str, Release | LabError] = {"3.3.3": Release("3.3.3", "3.3.3", "", "")}
    ask = RunAsk(subjects=("3.3.3",), results=tmp_path, labs=1, repeat=3)
    engine = SimpleNamespace(name="fake", describe=lambda: "a fake")
    plan = plan_run(ask, "run", releases, choose_trials("reproduce", [], []), engine, only={})
    assert len({cell.name for cell in plan.cells}) == len(plan.cells) == 6
    assert len({cell.lab for cell in plan.cells}) == 3
    assert {cell.repetition for cell in plan.cells} == {1, 2, 3}


def test_a_subject_whose_server_does_not_start_is_refused_with_its_own_words(tmp_path: Path) -> None:
    """As 3.3.4 with the packages of a later day: one that it imports is no dependency of another's any more."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    python.with_name("prefect").write_text("import no_such_package\n", encoding="utf-8")
    with pytest.raises(LabError) as refused:
        _make_database(python, tmp_path / "home")
    said = "ModuleNotFoundError: No module named 'no_such_package'; the server ended with 1 before it was healthy"
    assert refused.value.reason == f"the subject's server does not start: {said}"
    assert "Traceback" in refused.value.log
