"""`python -m loadtest`: what it adds to a command line, and when it starts a server of its own."""

from pathlib import Path

import pytest

import loadtest.__main__ as program


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The arguments that Locust was started with; it ends with 3."""
    calls: list[list[str]] = []

    def locust(arguments: list[str]) -> int:
        calls.append(arguments)
        return 3

    def own_server(arguments: list[str]) -> int:
        return locust([*arguments, "--host", "its own"])

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOCUST_HOST", raising=False)
    monkeypatch.setattr(program, "_locust", locust)
    monkeypatch.setattr(program, "_on_own_server", own_server)
    return calls


def test_without_arguments_it_runs_two_minutes_on_its_own_server(
    called: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main([]) == 3

    line = " ".join(called[0])
    assert line == (
        "--same-rate --users 200 --spawn-rate 20 --run-time 2m --shape steady --headless --only-summary "
        "--html var/loadtest/report.html --csv var/loadtest/report --host its own"
    )
    assert "report: var/loadtest/report.html" in capsys.readouterr().out


@pytest.mark.parametrize("host", [["--host", "http://chat"], ["--host=http://chat"], ["-H", "http://chat"]])
def test_a_server_that_is_named_is_used(called: list[list[str]], host: list[str]) -> None:
    program.main(host)

    assert called[0][: len(host)] == host
    assert "its own" not in called[0]


def test_what_is_given_wins(called: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    program.main(["-u", "5", "--run-time=9s", "--html", "elsewhere.html", "--shape", "spike", "--host", "h"])

    assert called[0].count("--users") == 0
    assert "--same-rate" not in called[0]
    assert "2m" not in called[0]
    assert "steady" not in called[0]
    assert called[0].count("--html") == 1
    assert "report: elsewhere.html" in capsys.readouterr().out


def test_a_shape_has_its_own_length(called: list[list[str]]) -> None:
    program.main(["--shape", "capacity"])

    assert "--run-time" not in called[0]
    assert "--users" in called[0]


def test_workers_and_questions_go_straight_to_locust(called: list[list[str]]) -> None:
    program.main(["--worker", "--master-host", "10.0.0.1"])
    program.main(["--help"])

    assert called == [["--worker", "--master-host", "10.0.0.1"], ["--help"]]


def test_without_a_test_there_is_no_report(
    called: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "_locust", lambda arguments: 2)

    assert program.main(["--host", "http://nowhere", "--html", "a.html", "--csv", "a"]) == 2
    assert capsys.readouterr().out == ""
