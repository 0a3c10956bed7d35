"""A service is backed up while people go on writing, and restored elsewhere: everybody finds everything again."""

import asyncio
import itertools
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from server.app import ROUTERS
from server.backup.archive import MANIFEST, Manifest, decoded
from server.backup.restoring import check_backup
from server.db import SQL
from server.features.audits.log import AuditLog
from server.http.router import RouteTree
from server.ids import now_ms
from tests.backup.commands import Place, files_below, hubbub, stored_in
from tests.backup.small import backed_up
from tests.clients_of import Reply
from tests.features.files.uploading import picture
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode, start_node
from tests.security.lines_of import OWN, PUBLIC, asked_of, names_of, parts_of_path
from tests.security.requests_of import SETTINGS
from tests.security.world import World, build_world
from tests.waiting import until_gone

ASKING = ("victim", "guest", "sysadmin")

DIFFER = {
    "GET /": "the nodes that run now",
    "GET /channels": "counts what was written since, the channels of the noise are among all",
    "GET /cluster/status": "the nodes that run now",
    "GET /oauth/authorize": "a number in the page that is another one each time",
    "GET /uploads/{upload_id}": "uploads under way are not part of a backup",
    "GET /users/{user_id}/uploads": "the same",
}
"""What is not of the backup, and why."""

ELSEWHERE = ("request_id", "last_activity_at", "DataSource", "Directory", "RedisAddress", "NodeId")
"""Fields that say when something was asked, and where the service is."""


JOBS = SQL("SELECT count(*) FROM jobs")


class Noise:
    """People who go on writing into channels of their own."""

    def __init__(self, node: TestNode) -> None:
        self._node = node
        self._sending: list[asyncio.Task[None]] = []
        self.acknowledged: dict[str, tuple[str, int]] = {}
        """Channel and number of posts that were answered with 201, by their ids."""
        self.channel_ids: list[str] = []

    async def start(self, make: Make, writers: int = 4) -> None:
        """Begin."""
        people = await make.users(writers)
        team = await make.team(people, owner=people[0])
        for person in people:
            channel = await make.channel(team, owner=person)
            self.channel_ids.append(channel.id)
            self._sending.append(asyncio.create_task(self._write(person, channel.id)))

    async def _write(self, person: Person, channel_id: str) -> None:
        client = self._node.client(person.token)
        for number in itertools.count():
            post = (await client.post("/posts", {"channel_id": channel_id, "message": f"noise {number}"})).ok(201)
            self.acknowledged[post["id"]] = (channel_id, number)

    async def stop(self) -> None:
        """Write no more; fails when anything that was written was refused."""
        for task in self._sending:
            task.cancel()
        ends = await asyncio.gather(*self._sending, return_exceptions=True)
        assert {type(end) for end in ends} == {asyncio.CancelledError}, ends


def check(reply: Reply) -> None:
    """Fail when something was refused."""
    assert reply.status < 300, reply


async def furnish(world: World) -> None:
    """What the world of the permission matrix has not, and a backup must have."""
    victim, admin = world.node.client(world.victim.token), world.admin
    check(await admin.put("/config/patch", {**SETTINGS, "TeamSettings": {"SiteName": "The Attic"}}))
    image = {"image": ("a.png", picture((40, 30)))}
    check(await victim.request("POST", f"/users/{world.victim.id}/image", files=image))
    check(await admin.request("POST", f"/teams/{world.team.id}/image", files=image))
    svg = {"image": ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>')}
    check(await admin.request("POST", f"/bots/{world.bot}/icon", files=svg))
    for body in ({"emoji_name": "heart"}, {"emoji_name": world.emoji_name}):
        check(await victim.post("/reactions", {"user_id": world.victim.id, "post_id": world.root, **body}))
    check(await victim.put(f"/posts/{world.reply}/patch", {"message": "an edited reply ünïcode 猫 \\ tab\there"}))
    gone = await world.make.post(world.victim, world.private, "deleted\nlines\\N\\.\n\\.\n")
    check(await victim.delete(f"/posts/{gone['id']}"))
    check(await victim.post(f"/posts/{world.root}/pin"))
    check(await victim.post("/drafts", {"channel_id": world.private.id, "message": "not yet"}))
    preference = {"user_id": world.victim.id, "category": "display", "name": "x", "value": "\t\\N\n"}
    check(await victim.put(f"/users/{world.victim.id}/preferences", [preference]))
    await world.bookmark(world.private.id)
    direct = await world.make.direct(world.victim, world.friend)
    await world.make.post(world.victim, direct, "between us, needle")
    archived = await world.make.channel(world.team, [world.victim], owner=world.victim)
    check(await victim.delete(f"/channels/{archived.id}"))
    reminder = {"target_time": now_ms() // 1000 + 10**6}
    check(await victim.post(f"/users/{world.victim.id}/posts/{world.root}/reminder", reminder))
    status = {"user_id": world.victim.id, "status": "dnd", "dnd_end_time": now_ms() // 1000 + 10**6}
    check(await victim.put(f"/users/{world.victim.id}/status", status))
    check(await victim.put(f"/users/{world.victim.id}/status/custom", {"emoji": "cat", "text": "napping"}))
    await admin.post("/terms_of_service", {"text": "Be kind."})


async def answers(world: World, node: TestNode) -> Mapping[tuple[str, str], tuple[int, bytes]]:
    """What everybody is answered by all operations that only read."""
    found = {}
    for route in RouteTree(ROUTERS).routes:
        for name in names_of(route) if route.method == "GET" else ():
            asked = asked_of(name)
            plain = name.removesuffix(f" {PUBLIC}").removesuffix(f" {OWN}")
            if plain in DIFFER or asked.before or asked.maker or asked.form:
                continue
            for role in ASKING:
                parts = parts_of_path(world, role, public=name.endswith(PUBLIC), own=name.endswith(OWN))
                parts |= {key: value(world, role) for key, value in asked.path.items()}
                path = route.path.format(**parts) + (f"?{asked.query(world, role)}" if asked.query else "")
                reply = await node.client(world.people[role].token).get(
                    path.removeprefix("/api/v4") if path.startswith("/api/v4") else f"/{path}"
                )
                found[(name, role)] = (reply.status, settled(reply.content))
    return found


def settled(content: bytes) -> bytes:
    """Without what says when something was asked."""
    try:
        return json.dumps(_settled(json.loads(content))).encode()
    except ValueError:
        return content


def _settled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _settled(each) for key, each in value.items() if key not in ELSEWHERE}
    return [_settled(each) for each in value] if isinstance(value, list) else value


async def digests(dsn: str, channel_ids: list[str]) -> dict[str, str]:
    """For each table one text that is the same when its rows are; those of some channels are left out."""
    connection = await asyncpg.connect(dsn)
    try:
        names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {
            name: await connection.fetchval(
                f"""
                SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C"), ''))
                  FROM {name} AS t WHERE NOT (to_jsonb(t) ->> 'channel_id' = ANY($1)) IS TRUE
                   AND NOT (to_jsonb(t) ->> 'id' = ANY($1)) IS TRUE
                """,
                channel_ids,
            )
            for (name,) in names
            if name not in ("nodes", "schema_migrations", "upload_sessions", "pending_posts", "sessions", "status")
        }
    finally:
        await connection.close()


def manifest_of(archive: Path) -> Manifest:
    """What an archive says of itself."""
    with tarfile.open(archive) as tar:
        member = tar.extractfile(MANIFEST)
        assert member is not None
        return decoded(member.read())


@pytest.mark.timeout(300)
async def test_a_restored_service_is_the_one_that_was_backed_up(source: Place, target: Place, tmp_path: Path) -> None:
    archive = tmp_path / "service.hubbub"
    async with start_node(source.dsn, source.redis_url, source.files) as node:
        make = Make(node)
        await make.sign_up_admin()
        world = await build_world(node, make)
        world.people["victim"] = world.victim
        await furnish(world)
        await answers(world, node)  # sidebars and salts are made when they are first asked for
        noise = Noise(node)
        await noise.start(make)
        audits = node.services.extras[AuditLog]
        assert isinstance(audits, AuditLog)
        await audits.flush()
        await until_gone(lambda: node.services.db.value(JOBS))  # rows that come and go by themselves
        while len(noise.acknowledged) <= 20:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        before = dict(noise.acknowledged)
        ended = await hubbub("backup", archive, environ=source.environ)
        await noise.stop()
        assert ended.code == 0, ended
        assert len(noise.acknowledged) > len(before)
        rows = await digests(source.dsn, noise.channel_ids)
        said = await answers(world, node)
        newest = max(now_ms(), *(int(each["create_at"]) for each in await posts_of(world, node)))

    check_backup(archive)
    ended = await hubbub("restore", archive, environ=target.environ)
    assert ended.code == 0, ended

    assert await digests(target.dsn, noise.channel_ids) == rows
    assert files_below(target.files) == set(stored_in(archive)) == files_below(source.files)
    again = tmp_path / "again.hubbub"
    await backed_up(target, again)
    assert manifest_of(again).tables == manifest_of(archive).tables
    assert stored_in(again) == stored_in(archive)
    await check_noise(target.dsn, noise, before)

    async with start_node(target.dsn, target.redis_url, target.files) as node:
        heard = await answers(world, node)
        assert {key: heard[key] for key in said if heard[key] != said[key]} == {}
        assert sum(status == 200 for status, _ in heard.values()) > 300
        await check_life_goes_on(world, node, newest)


async def posts_of(world: World, node: TestNode) -> list[dict[str, Any]]:
    """The posts of the private channel."""
    page = (await node.client(world.victim.token).get(f"/channels/{world.private.id}/posts")).ok()
    return list(page["posts"].values())


async def check_noise(dsn: str, noise: Noise, before: Mapping[str, tuple[str, int]]) -> None:
    """What was acknowledged before the backup began is there once, and of the rest no more than was sent, in order."""
    connection = await asyncpg.connect(dsn)
    found = await connection.fetch(
        "SELECT id, channel_id, message FROM posts WHERE channel_id = ANY($1) AND type = ''", noise.channel_ids
    )
    counted = dict(
        await connection.fetch("SELECT id, total_msg_count FROM channels WHERE id = ANY($1)", noise.channel_ids)
    )
    await connection.close()
    by_channel: dict[str, list[int]] = {}
    for _, channel_id, message in found:
        by_channel.setdefault(channel_id, []).append(int(message.removeprefix("noise ")))
    assert {post_id for post_id, _, _ in found} >= before.keys()
    for channel_id, numbers in by_channel.items():
        assert sorted(numbers) == list(range(len(numbers)))
        assert counted[channel_id] == len(numbers)


async def check_life_goes_on(world: World, node: TestNode, newest: int) -> None:
    """Passwords, hooks and search work; new posts come after the old ones."""
    for person in world.people.values():
        if person.password and person is not world.people["bot"]:
            login = {"login_id": person.username, "password": PASSWORD}
            (await node.client().post("/users/login", login)).ok()
    victim = node.client(world.victim.token)
    found = (await victim.post(f"/teams/{world.team.id}/posts/search", {"terms": "needle"})).ok()
    assert [found["posts"][post_id]["message"] for post_id in found["order"]] == ["between us, needle"]
    hook = await node.client().request("POST", f"//hooks/{world.hook}", {"text": "from outside"})
    assert hook.status == 200
    post = (await victim.post("/posts", {"channel_id": world.private.id, "message": "goes on"})).ok(201)
    assert post["create_at"] >= newest
    order = (await victim.get(f"/channels/{world.private.id}/posts")).ok()["order"]
    assert order[0] == post["id"]
