"""cases.txt names what attackers try and the tests that show what they get: each of these tests is there."""

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
TABLE = Path(__file__).with_name("cases.txt")


@cache
def defined_in(path: str) -> frozenset[str]:
    """The names of the test functions of a file, those that are skipped left out."""
    file = TESTS / path
    if not file.is_file():
        return frozenset()
    functions = ast.parse(file.read_text(encoding="utf-8")).body
    return frozenset(
        each.name
        for each in functions
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        and each.name.startswith("test_")
        and not any(
            "skip" in ast.unparse(decorator) or "xfail" in ast.unparse(decorator) for decorator in each.decorator_list
        )
    )


def test_every_case_has_its_tests() -> None:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    cases = [line.split(" · ") for line in lines]

    assert [line for line, case in zip(lines, cases, strict=True) if len(case) != 3] == []
    assert len(cases) == len({name for name, _, _ in cases}) > 80
    missing = [
        test
        for _, _, tests in cases
        for test in tests.split()
        if test.partition("::")[2] not in defined_in(test.partition("::")[0])
    ]
    assert missing == []
