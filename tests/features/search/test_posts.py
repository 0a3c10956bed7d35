"""Searching posts: what the words and flags of a search find, and what nobody may find."""

import itertools
from typing import Any

import pytest

from server.db import SQL
from server.ids import now_ms
from tests.make import Make, Person, Thing
from tests.nodes import TestNode
from tests.waiting import next_moment

AHEAD = SQL("UPDATE channels SET last_post_at = last_post_at + 60000 WHERE id = $1")

ODD = (
    "***",
    "()",
    "& | ! <->",
    "a & !b",
    "'",
    "\\",
    "':*",
    "foo:*ABCD",
    '"unbalanced',
    '"',
    '""',
    '-"',
    "-",
    "--",
    "-foo",
    "-foo -bar",
    "from:",
    "in:",
    "in:@",
    "in:@,",
    "from:@@@",
    "on:2026-99-99",
    "before:0001-01-01",
    "after:9999-12-31",
    "#",
    "#-",
    "##a",
    "🎉",
    "猫",
    "%_",
    "a" * 4000,
    "a " * 180,
    "日本" * 90,
    "\u202e\u200d\ufeff",
    "\x01\x02",
    "e\u0301\u0301\u0301",
    "<8>",
    "a <16385> b",
    "in:" + "x" * 3000,
    "ﬁ ß İ ǰ",
)

numbers = itertools.count(1)


def word() -> str:
    """A word that no other test has written."""
    return f"zq{next(numbers)}x"


async def found(client: Any, reader: Person, terms: str, team: Thing | None = None, **options: Any) -> list[str]:
    """The messages that a search finds, newest first."""
    path = f"/teams/{team.id}/posts/search" if team else "/posts/search"
    body = (await client(reader).post(path, {"terms": terms, "is_or_search": False, **options})).ok()
    assert set(body["order"]) == set(body["posts"])
    return [body["posts"][post_id]["message"] for post_id in body["order"]]


async def world(make: Make) -> tuple[Person, Person, Thing, Thing]:
    """Two users in a channel of a team."""
    ada, bob = await make.users(2)
    team = await make.team([ada, bob])
    return ada, bob, team, await make.channel(team, [ada, bob])


async def test_words_are_anded_and_the_newest_post_comes_first(make: Make, client: Any) -> None:
    ada, bob, team, town = await world(make)
    one, two = word(), word()
    for text in (f"{one} only", f"{one} and {two}!", f"({two.upper()}), then {one}"):
        await make.post(ada, town, text)

    assert await found(client, bob, f"{one} {two}", team) == [f"({two.upper()}), then {one}", f"{one} and {two}!"]
    assert await found(client, bob, f"{one} {two}", team, is_or_search=True) == [
        f"({two.upper()}), then {one}",
        f"{one} and {two}!",
        f"{one} only",
    ]
    assert await found(client, bob, one[:-1], team) == []


async def test_the_answer_has_the_shape_that_clients_know(make: Make, client: Any) -> None:
    ada, _, team, town = await world(make)
    post = await make.post(ada, town, f"shape {word()}")

    body = (await client(ada).post(f"/teams/{team.id}/posts/search", {"terms": post["message"]})).ok()

    assert body == {
        "order": [post["id"]],
        "posts": {post["id"]: (await client(ada).get(f"/posts/{post['id']}")).ok()},
        "next_post_id": "",
        "prev_post_id": "",
        "first_inaccessible_post_time": 0,
        "matches": {},
    }


@pytest.mark.parametrize(
    ("text", "terms", "hit"),
    [
        ("the quick brown {w}", '"quick brown" {w}', True),
        ("the brown quick {w}", '"quick brown" {w}', False),
        ("deployment of {w}", "deploy* {w}", True),
        ("deployment of {w}", "ploy* {w}", False),
        ("deployment of {w}", "deploy {w}", False),
        ("draft of {w}", "{w} -draft", False),
        ("draft of {w}", "{w} -other", True),
        ("on call {w}", '{w} -"on call"', False),
        ("call on {w}", '{w} -"on call"', True),
        ("call {w}", "{w} -cal*", False),
        ("an e-mail to {w}", "e-mail {w}", True),
        ("an e-mail to {w}", "mail {w}", True),
        ("mail {w} e", "e-mail {w}", False),
        ("see https://example.com/{w}/x?y=1", "{w}", True),
        ("snake_case_{w}", "{w}", True),
        ("don't {w}", "don't {w}", True),
        ("\uff26\uff35\uff2c\uff2c Straße {w}", "full STRASSE {w}", True),
        ("{w} #launch-2026, yes", "#launch-2026 {w}", True),
        ("{w} #launch-2026, yes", "#LAUNCH* {w}", True),
        ("{w} #launch-2026, yes", "launch {w}", True),
        ("{w} launch-2026, yes", "#launch-2026 {w}", False),
        ("{w} これは日本語の文章です", "日本 {w}", True),
        ("{w} これは日本語の文章です", "日本語 {w}", True),
        ("{w} これは日本語の文章です", "章 {w}", True),
        ("{w} これは日本語の文章です", "本日 {w}", False),
        ("{w} これは日本語の文章です", '"日本語の文章" {w}', True),
        ("{w} これは日本語の文章です", "日語 {w}", False),
        ("{w} 我们明天开会", "明天 {w}", True),
        ("{w} 서울에서 만나요", "서울 {w}", True),
        ("{w} iPhone用アプリ", "アプリ {w}", True),
        ("{w} วันนี้อากาศดี", "อากาศ {w}", True),
        ("{w} हिन्दी में", "हिन्दी {w}", True),
        ("{w} done 🎉", "🎉 {w}", True),
        ("{w} " + "z" * 3000, "z" * 3000 + " {w}", True),
    ],
)
async def test_words_phrases_beginnings_and_other_scripts(
    make: Make, client: Any, text: str, terms: str, hit: bool
) -> None:
    ada = make.admin
    w = word()
    direct = await make.direct(ada, ada)
    message = text.format(w=w)
    await make.post(ada, direct, message)

    assert await found(client, ada, terms.format(w=w)) == ([message] if hit else [])


async def test_flags_name_authors_and_channels(make: Make, client: Any) -> None:
    ada, bob, team, town = await world(make)
    cleo = await make.user()
    await make.join_team(team, cleo)
    other = await make.channel(team, [ada, bob])
    w = word()
    direct, group, own = await make.direct(ada, bob), await make.group(ada, bob, cleo), await make.direct(ada, ada)
    said = ((ada, town, "a"), (bob, other, "b"), (ada, direct, "direct"), (ada, group, "group"), (ada, own, "self"))
    for author, channel, text in said:
        await next_moment()
        await make.post(author, channel, f"{w} {text}")

    async def ask(terms: str) -> list[str]:
        return [message.removeprefix(f"{w} ") for message in await found(client, ada, f"{w} {terms}", team)]

    assert await ask("") == ["self", "group", "direct", "b", "a"]
    assert await ask(f"from:{bob.username}") == ["b"]
    assert await ask(f"FROM: @{bob.username.upper()}") == ["b"]
    assert await ask(f"from:{bob.username} from:{ada.username}") == ["self", "group", "direct", "b", "a"]
    assert await ask(f"-from:{ada.username}") == ["b"]
    assert await ask("from:nobody-at-all") == []
    assert await ask(f"in:{town.name}") == ["a"]
    assert await ask(f"channel:{town.name} in:~{other.name}") == ["b", "a"]
    assert await ask(f"in:{town.id}") == ["a"]
    assert await ask(f"-in:{town.name} -in:@{bob.username}") == ["self", "group", "b"]
    assert await ask(f"in:@{bob.username}") == ["direct"]
    assert await ask(f"in:@{ada.username}") == ["self"]
    assert await ask(f"in:@{bob.username},{cleo.username}") == ["group"]
    assert await ask(f"in:@{bob.username},@{cleo.username},{ada.username}") == ["group"]
    assert await ask("in:nowhere") == []
    assert await found(client, ada, f"from:{bob.username} in:{other.name}", team) == [f"{w} b"]


async def test_days_are_those_of_the_callers_time_zone(make: Make, client: Any) -> None:
    ada, _, team, town = await world(make)
    w = word()
    # Noon of the 9th, 23:30 of the 10th, noon of the 11th, in UTC.
    for name, at in (("nine", 1_767_960_000_000), ("ten", 1_768_087_800_000), ("eleven", 1_768_132_800_000)):
        body = {"channel_id": town.id, "message": f"{w} {name}", "create_at": at}
        (await client(make.admin).post(f"/channels/{town.id}/members", {"user_id": make.admin.id})).ok(201)
        (await client(make.admin).post("/posts", body)).ok(201)

    async def ask(terms: str, offset: int = 0) -> list[str]:
        messages = await found(client, ada, f"{w} {terms}", team, time_zone_offset=offset)
        return [message.removeprefix(f"{w} ") for message in messages]

    assert await ask("on:2026-01-10") == ["ten"]
    assert await ask("on:2026-01-10", 3600) == []
    assert await ask("on:2026-01-11", 3600) == ["eleven", "ten"]
    assert await ask("before:2026-01-10") == ["nine"]
    assert await ask("after:2026-01-10") == ["eleven"]
    assert await ask("after:2026-1-9 before: 2026-1-11") == ["ten"]
    assert await ask("-on:2026-01-10") == ["eleven", "nine"]
    assert await ask("-after:2026-01-10") == ["ten", "nine"]
    assert await ask("-before:2026-01-10") == ["eleven", "ten"]
    assert await ask("on:2026-01-10 on:2026-01-11") == []
    assert await found(client, ada, f"on:2026-01-10 in:{town.name}", team) == [f"{w} ten"]


async def test_nobody_finds_what_may_not_be_read(make: Make, client: Any) -> None:
    ada, bob, team, town = await world(make)
    eve = await make.user()
    await make.join_team(team, eve)
    private = await make.channel(team, [ada, bob], type="P")
    w = word()
    for channel in (town, private, await make.direct(ada, bob)):
        await make.post(ada, channel, f"{w} {channel.name}")

    assert len(await found(client, bob, w)) == 3
    # In the team, but in none of the channels; also in the public one nothing is found before joining.
    for terms in (w, f"{w} in:{town.name}", f"{w} in:{private.id}", f"in:@{ada.username} {w}", f"-{word()} {w}"):
        assert await found(client, eve, terms) == []
        assert await found(client, eve, terms, team) == []
    await make.join_channel(town, eve)
    assert await found(client, eve, w) == [f"{w} {town.name}"]
    (await client(eve).delete(f"/channels/{town.id}/members/{eve.id}")).ok()
    assert await found(client, eve, w) == []
    (await client(bob).delete(f"/teams/{team.id}/members/{bob.id}")).ok()
    assert [text for text in await found(client, bob, w) if "__" not in text] == []


async def test_a_team_is_searched_with_direct_channels_and_without_other_teams(make: Make, client: Any) -> None:
    ada, bob, team, town = await world(make)
    second = await make.team([ada, bob])
    w = word()
    elsewhere, direct = await make.channel(second, [ada, bob]), await make.direct(ada, bob)
    for channel, text in ((town, "first"), (elsewhere, "second"), (direct, "direct")):
        await next_moment()
        await make.post(ada, channel, f"{w} {text}")

    assert await found(client, bob, w, team) == [f"{w} direct", f"{w} first"]
    assert await found(client, bob, w, second) == [f"{w} direct", f"{w} second"]
    assert await found(client, bob, w) == [f"{w} direct", f"{w} second", f"{w} first"]
    stranger = await make.user()
    reply = await client(stranger).post(f"/teams/{team.id}/posts/search", {"terms": w})
    assert (reply.status, reply.error_id) == (403, "api.context.permissions.app_error")
    assert (await client().post("/posts/search", {"terms": w})).status == 401


async def test_archived_channels_are_searched_on_demand(make: Make, client: Any) -> None:
    ada, _, team, town = await world(make)
    w = word()
    await make.post(ada, town, w)
    (await client(make.admin).delete(f"/channels/{town.id}")).ok()

    assert await found(client, ada, w, team) == []
    assert await found(client, ada, w, team, include_deleted_channels=True) == [w]


async def test_edited_and_deleted_posts_are_found_as_they_are(make: Make, client: Any) -> None:
    ada, bob, team, town = await world(make)
    before, after = word(), word()
    post = await make.post(ada, town, before)
    reply = await make.post(bob, town, f"{after} reply", root_id=post["id"])
    (await client(ada).put(f"/posts/{post['id']}/patch", {"message": after})).ok()

    assert await found(client, bob, before, team) == []
    assert await found(client, bob, after, team) == [f"{after} reply", after]
    (await client(bob).delete(f"/posts/{reply['id']}")).ok()
    assert await found(client, bob, after, team) == [after]
    (await client(ada).delete(f"/posts/{post['id']}")).ok()
    assert await found(client, bob, after, team) == []


async def test_posts_of_the_server_are_not_found(make: Make, client: Any) -> None:
    ada, _, team, town = await world(make)
    (await client(ada).put(f"/channels/{town.id}/patch", {"header": f"about {word()}"})).ok()

    assert await found(client, ada, f"in:{town.name}", team) == []
    assert await found(client, ada, "channel joined updated added -xyzzy", team, is_or_search=True) == []


async def test_pages_follow_each_other(make: Make, client: Any) -> None:
    ada, _, team, town = await world(make)
    w = word()
    for number in range(7):
        await make.post(ada, town, f"{w} {number}")

    pages = [await found(client, ada, w, team, page=page, per_page=3) for page in range(4)]

    assert pages == [[f"{w} {n}" for n in numbers] for numbers in ((6, 5, 4), (3, 2, 1), (0,), ())]
    assert await found(client, ada, w, team, page=10**9, per_page=200) == []
    for wrong in ({"page": -1}, {"per_page": -1}, {"page": "one"}):
        assert (await client(ada).post("/posts/search", {"terms": w, **wrong})).status == 400


async def test_only_what_must_not_be_there_finds_the_rest(make: Make, client: Any) -> None:
    ada, _, team, town = await world(make)
    w = word()
    await make.post(ada, town, "first")
    await make.post(ada, town, w)

    assert await found(client, ada, f"-{w}", team) == ["first"]


@pytest.mark.parametrize("terms", ODD)
async def test_any_text_is_a_search(make: Make, client: Any, terms: str) -> None:
    for path in ("/posts/search", "/files/search"):
        for either in (False, True):
            reply = await client(make.admin).post(path, {"terms": terms, "is_or_search": either})
            assert reply.status == 200, (terms, reply)


@pytest.mark.parametrize(
    "body",
    [
        b'{"terms": ""}',
        b"{}",
        b'{"terms": null}',
        b'{"terms": 3}',
        b'{"terms": "a\\u0000b"}',
        b'{"terms": "\\ud800"}',
        b'{"terms": "' + b"a" * 10_000 + b'"}',
        b'{"terms": "' + b"a " * 500 + b'"}',
        b'{"terms": "' + b"from:a%d " * 1 + b" ".join(b"from:u%d" % n for n in range(60)) + b'"}',
        b'{"terms": "a", "time_zone_offset": "x"}',
        b"[]",
    ],
)
async def test_what_is_no_search_is_refused(make: Make, client: Any, body: bytes) -> None:
    for path in ("/posts/search", "/files/search"):
        reply = await client(make.admin).post(path, body, headers={"content-type": "application/json"})
        assert reply.status == 400
        assert reply.error_id


async def test_time_zones_beyond_the_earth_are_borne(make: Make, client: Any) -> None:
    for offset in (-(2**62), 2**62):
        body = {"terms": "on:2026-01-01", "time_zone_offset": offset}
        assert (await client(make.admin).post("/posts/search", body)).status == 200


async def test_searching_can_be_switched_off(make: Make, client: Any, settings: Any) -> None:
    settings(ServiceSettings={"EnablePostSearch": False, "EnableFileSearch": False})

    for kind, table in (("posts", "post"), ("files", "file_info")):
        reply = await client(make.admin).post(f"/{kind}/search", {"terms": "a"})
        assert (reply.status, reply.error_id) == (501, f"store.sql_{table}.search.disabled")


async def test_posts_are_found_that_are_ahead_of_the_clock(make: Make, client: Any, node: TestNode) -> None:
    """As after a node whose clock is, and where posts come faster than milliseconds."""
    ada, bob, team, town = await world(make)
    w = word()
    await node.services.db.run(AHEAD, town.id)
    assert (await make.post(ada, town, w))["create_at"] > now_ms()

    assert await found(client, bob, w, team) == [w]


async def test_what_one_node_writes_the_other_finds_at_once(make: Make, client: Any) -> None:
    ada, bob, team, town = await world(make)
    w = word()
    await make.post(ada, town, w)

    reply = await client(bob, node=1).post(f"/teams/{team.id}/posts/search", {"terms": w})

    assert [post["message"] for post in reply.ok()["posts"].values()] == [w]
