"""All that a web client does in a day, with the JavaScript client on two nodes."""

import asyncio
import contextlib
from pathlib import Path

from tests.clients.cluster import Cluster
from tests.clients.javascript import JavaScriptVoice, person_program
from tests.clients.programs import Ears, Program
from tests.clients.web_day import BOB, DESK, PHONE, WebDay
from tests.clients.web_programs import act, command, hook_in, hook_out
from tests.receiver import receiving

ABOUT_STATUS = frozenset({"status_change"})


def live(day: WebDay, voices: dict[str, JavaScriptVoice]) -> dict[str, int]:
    """The day; how many events each client heard."""
    day.begin()
    voices[PHONE].log_in()
    with contextlib.ExitStack() as listening:
        for voice in voices.values():
            listening.enter_context(voice.ears())
        day.listen({client: Ears(voice.program, ABOUT_STATUS) for client, voice in voices.items()})
        day.send_files()
        day.search()
        day.keep_drafts()
        day.sort_the_sidebar()
        day.follow_threads()
        hook_in(day)
        hook_out(day)
        command(day)
        act(day)
        day.make_emoji()
        day.keep_bookmarks()
        day.post_later()
        day.save_posts()
        day.group_people()
        day.say_how_it_goes()
        return day.finish()


async def test_a_day_with_everything_that_a_web_client_does(cluster: Cluster, tmp_path: Path) -> None:
    program = person_program()
    voices: dict[str, JavaScriptVoice] = {}
    with contextlib.ExitStack() as programs:
        for client, username, node in ((DESK, "ada", 1), (PHONE, "ada", 2), (BOB, "bob", 2)):
            started = programs.enter_context(Program(program, tmp_path / f"{client}.log"))
            voices[client] = JavaScriptVoice(cluster.ports[node - 1], username, started)
        async with receiving() as receiver:
            day = WebDay(voices[DESK], voices[BOB], receiver, cluster.ports[1])
            heard = await asyncio.to_thread(live, day, voices)
        reports = {client: voice.order("report") for client, voice in voices.items()}

    assert {client: report["events"] for client, report in reports.items()} == heard
    for report in reports.values():
        assert {**report, "connects": 1, "reconnects": 0, "missed": 0, "closes": 0} == report
