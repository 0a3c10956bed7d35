"""Everything is lost but a backup that was taken under load."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import asyncpg
import httpx
from msgspec import Struct

from server.backup.archive import BackupError
from server.backup.restoring import check_backup
from server.engines.directory import DataDirectory
from server.engines.postgres import DURABLE, Postgres
from server.engines.redis import FORGETFUL, Redis
from tests.backup.commands import Place, hubbub, killed
from tests.chaos.fault import Scale
from tests.chaos.installation import ChaosNode
from tests.chaos.people import Stage
from tests.chaos.posting import Answered
from tests.chaos.talk import Outcome, Talk
from tests.cli.running import free_port

SELDOM_USED = "user_terms_of_service"
"""A table that a backup reads late, and that nobody here asks for."""
FLIPS = 5
"""So often, for each round, a bit of the archive is flipped."""


class Kept(Struct):
    """A backup, with what was acknowledged before it began."""

    archive: Path
    before: list[Answered]
    seconds: float


async def lose_all_but_a_backup(stage: Stage, scale: Scale) -> Outcome:
    """Backups under load, one of them killed; the last is restored elsewhere and holds all that was acknowledged."""
    folder = stage.installation.directory.folder("backups")
    here = Place(stage.installation.dsn, stage.installation.redis.url, stage.installation.directory.folder("files"))
    async with Talk.begin(stage) as talk:
        files = await _upload(stage, scale.rounds * 10)
        await talk.until(lambda: all(poster.answered for poster in talk.posters))
        backups = []
        for turn in range(scale.rounds):
            await asyncio.sleep(scale.calm)
            backups.append(await _back_up(talk, here, folder / f"{stage.talks}-{turn}.hubbub"))
        await _kill_one(here, folder / f"{stage.talks}-killed.hubbub")
        await asyncio.sleep(scale.calm)
    found = talk.outcome("all is lost but a backup")
    kept = backups[-1]
    if (folder / f"{stage.talks}-killed.hubbub").exists():
        found.complaints.append("a killed backup left an archive under its name")
    refused = _refused(kept.archive, FLIPS * scale.rounds)
    if refused != FLIPS * scale.rounds:
        found.complaints.append(f"of {FLIPS * scale.rounds} damaged archives only {refused} were refused")
    begun = time.monotonic()
    async with _elsewhere(stage) as place:
        ended = await hubbub("restore", kept.archive, environ=place.environ)
        if ended.code:
            found.complaints.append(f"restore: {ended.said}")
            return found
        found.complaints += await _compare(talk, kept, place)
        async with _node(stage, place) as url:
            found.seconds = time.monotonic() - begun
            found.complaints += await _complaints_of_people(stage, kept, url, files)
    found.notes = f"backup in {kept.seconds:.1f} s, {refused} of {FLIPS * scale.rounds} damaged ones refused"
    return found


async def _upload(stage: Stage, count: int) -> Mapping[str, bytes]:
    """Upload some files, attached to posts; their contents by ids."""
    poster, channel_id = stage.posters[0], stage.places[0].id
    files: dict[str, bytes] = {}
    headers = {"Authorization": f"Bearer {poster.token}"}
    async with httpx.AsyncClient(
        base_url=f"{stage.installation.nodes[0].url}/api/v4", headers=headers, timeout=30
    ) as http:
        for number in range(count):
            content = random.Random(number).randbytes(10_000)
            reply = await http.post(f"/files?channel_id={channel_id}&filename={number}.bin", content=content)
            file_id = reply.raise_for_status().json()["file_infos"][0]["id"]
            post = {"channel_id": channel_id, "message": "a file", "file_ids": [file_id]}
            (await http.post("/posts", json=post)).raise_for_status()
            files[file_id] = content
    return files


async def _back_up(talk: Talk, here: Place, archive: Path) -> Kept:
    before, begun = list(talk.answered), time.monotonic()
    ended = await hubbub("backup", archive, environ=here.environ)
    assert ended.code == 0, ended
    seconds = time.monotonic() - begun
    assert len(talk.answered) > len(before), "nobody posted while the backup was taken"
    return Kept(archive, before, seconds)


async def _kill_one(here: Place, archive: Path) -> None:
    """Kill a backup that has begun to write, and can't come to its end before: a table that it wants is locked."""
    part = archive.with_name(f"{archive.name}.part")
    connection = await asyncpg.connect(here.dsn)
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {SELDOM_USED} IN ACCESS EXCLUSIVE MODE")
            ended = await killed("backup", archive, place=here, when=lambda: _size(part) > 0)
    finally:
        await connection.close()
    assert ended.code == -signal.SIGKILL


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _refused(archive: Path, times: int) -> int:
    """How many damaged copies of an archive are refused."""
    content = bytearray(archive.read_bytes())
    damaged = archive.with_name("damaged")
    chance = random.Random(times)
    refused = 0
    for _ in range(times):
        place, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
        content[place] ^= bit
        damaged.write_bytes(content)
        content[place] ^= bit
        with contextlib.suppress(BackupError):
            check_backup(damaged)
            continue
        refused += 1
    damaged.unlink()
    return refused


@contextlib.asynccontextmanager
async def _elsewhere(stage: Stage) -> AsyncIterator[Place]:
    """Engines that have nothing in them."""
    with DataDirectory(stage.installation.directory.path / f"elsewhere-{stage.talks}") as directory:
        postgres, redis = Postgres(directory, settings=DURABLE), Redis(directory, settings=FORGETFUL)
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, postgres)
            await asyncio.to_thread(stack.enter_context, redis)
            yield Place(postgres.dsn(), redis.url, directory.path / "files")


@contextlib.asynccontextmanager
async def _node(stage: Stage, place: Place) -> AsyncIterator[str]:
    log = stage.installation.directory.folder("nodes") / "elsewhere.log"
    node = ChaosNode(len(stage.installation.nodes) + 1, free_port(), log, place.environ)
    node.start()
    try:
        await node.until_serving()
        yield node.url
    finally:
        await asyncio.to_thread(node.stop)


async def _compare(talk: Talk, kept: Kept, place: Place) -> list[str]:
    """What is wrong with the posts of a restored database."""
    connection = await asyncpg.connect(place.dsn)
    rows = await connection.fetch(
        "SELECT id, channel_id, message, create_at FROM posts WHERE message LIKE $1", f"{talk.name}-%"
    )
    await connection.close()
    restored = [tuple(row) for row in rows]
    told = {(one.id, one.channel_id, one.message, one.create_at) for one in talk.answered}
    before = {(one.id, one.channel_id, one.message, one.create_at) for one in kept.before}
    complaints = []
    if lost := before - set(restored):
        complaints.append(f"{len(lost)} posts acknowledged before the backup are not in it: {sorted(lost)[:3]}")
    if len({message for _, _, message, _ in restored}) != len(restored):
        complaints.append("posts are in the backup twice")
    if others := set(restored) - told:
        complaints.append(f"{len(others)} posts of the backup are not what was answered: {sorted(others)[:3]}")
    lanes: dict[str, set[int]] = {}
    for _, _, message, _ in restored:
        lane, _, number = message.rpartition(" ")
        lanes.setdefault(lane, set()).add(int(number))
    complaints += [f"{lane} has gaps" for lane, numbers in lanes.items() if numbers != set(range(1, len(numbers) + 1))]
    if len(lanes) != len(talk.posters):
        complaints.append(f"only {len(lanes)} of {len(talk.posters)} lanes are in the backup")
    return complaints


async def _complaints_of_people(stage: Stage, kept: Kept, url: str, files: Mapping[str, bytes]) -> list[str]:
    """What people don't find at a restored service: their sessions, passwords, files, and a place for new posts."""
    complaints = []
    async with httpx.AsyncClient(base_url=f"{url}/api/v4", timeout=30) as http:
        for person in (*stage.posters, *stage.listeners[:3]):
            headers = {"Authorization": f"Bearer {person.token}"}
            if (await http.get("/users/me", headers=headers)).status_code != httpx.codes.OK:
                complaints.append(f"{person.username} is not signed in any more")
        poster = stage.posters[0]
        headers = {"Authorization": f"Bearer {poster.token}"}
        login = {"login_id": poster.username, "password": poster.password}
        if (await http.post("/users/login", json=login)).status_code != httpx.codes.OK:
            complaints.append(f"{poster.username} can't sign in")
        for file_id, content in files.items():
            if (await http.get(f"/files/{file_id}", headers=headers)).content != content:
                complaints.append(f"file {file_id} is another one")
        post = {"channel_id": stage.places[0].id, "message": "here again"}
        reply = await http.post("/posts", json=post, headers=headers)
        if reply.status_code != httpx.codes.CREATED:
            complaints.append(f"no new posts: {reply.text[:200]}")
        elif reply.json()["create_at"] <= max(one.create_at for one in kept.before):
            complaints.append("a new post is older than those before")
    return complaints
