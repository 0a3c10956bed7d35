"""The published clients, unmodified, live through the same day on two nodes."""

import contextlib
from pathlib import Path

import pytest

from tests.clients.cluster import Cluster
from tests.clients.javascript import JavaScriptVoice, person_program
from tests.clients.programs import Program
from tests.clients.story import tell
from tests.clients.voices import AutodriverVoice, DriverVoice

# Everything that Bob's client is told that day, hello among it.
HEARD = 40


@pytest.mark.parametrize("library", [DriverVoice, AutodriverVoice], ids=lambda voice: voice.library)
def test_a_day_with_a_python_client(
    cluster: Cluster, tmp_path: Path, library: type[DriverVoice] | type[AutodriverVoice]
) -> None:
    with contextlib.ExitStack() as stack:

        def speak(username: str, node: int) -> DriverVoice | AutodriverVoice:
            voice = library(cluster.ports[node - 1], username, tmp_path)
            stack.callback(voice.close)
            return voice

        assert tell(speak) == HEARD


def test_a_day_with_the_javascript_client(cluster: Cluster, tmp_path: Path) -> None:
    command = person_program()
    people: dict[str, JavaScriptVoice] = {}
    with contextlib.ExitStack() as stack:

        def speak(username: str, node: int) -> JavaScriptVoice:
            program = stack.enter_context(Program(command, tmp_path / f"{username}.log"))
            people[username] = JavaScriptVoice(cluster.ports[node - 1], username, program)
            return people[username]

        heard = tell(speak)
        reports = {username: person.order("report") for username, person in people.items()}

    assert heard == HEARD
    for username, report in reports.items():
        person = people[username]
        assert (report["calls"], report["refusals"]) == (person.calls, person.refusals)
        assert report["serverVersion"]
    assert reports["ada"]["calls"] > 50
    assert reports["bob"] == reports["bob"] | {
        "events": heard,
        "connects": 1,
        "reconnects": 0,
        "missed": 0,
        "closes": 0,
    }
