"""What benchmarks share as commands."""

import asyncio
from pathlib import Path

import msgspec
import pytest
import uvloop

from benchmarks.command import command, keep, run, say, with_out, with_repeat


def test_work_is_done_on_the_event_loop_of_nodes() -> None:
    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert isinstance(run(loop()), uvloop.Loop)


def test_what_is_said_meanwhile_is_no_part_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    say("making people")

    assert capsys.readouterr() == ("", "making people\n")


def test_options_that_benchmarks_share(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    parser = command("Measure it.\n\n    python -m it")
    with_repeat(parser, 3)
    with_out(parser)

    assert vars(parser.parse_args([])) == {"repeat": 3, "out": None}
    assert vars(parser.parse_args(["--repeat", "1", "--out", "a.json"])) == {"repeat": 1, "out": Path("a.json")}
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    assert "Measure it.\n\n    python -m it\n" in capsys.readouterr().out


def test_figures_are_kept_with_date_and_machine(tmp_path: Path) -> None:
    keep(None, figures={"a": 1.5})
    keep(tmp_path / "kept.json", figures={"a": 1.5})

    kept = msgspec.json.decode((tmp_path / "kept.json").read_bytes())
    assert list(kept) == ["date", "machine", "figures"]
    assert kept["figures"] == {"a": 1.5}
    assert kept["machine"]["cores"] >= 1
