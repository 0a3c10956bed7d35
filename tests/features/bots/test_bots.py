"""Bots: making, changing, switching and assigning them, and who may."""

from collections.abc import Callable
from typing import Any

import pytest
import websockets

from server.ids import new_id
from tests.clients_of import Client
from tests.make import PASSWORD, Make, Person
from tests.waiting import next_moment

Clients = Callable[..., Client]
Settings = Callable[..., None]
Sockets = Callable[..., Any]
Json = dict[str, Any]

FORBIDDEN = "api.context.permissions.app_error"
MISSING = "store.sql_bot.get.missing.app_error"


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> None:
    settings(ServiceSettings={"EnableBotAccountCreation": True})


@pytest.fixture
async def owner(make: Make, client: Clients, admin: Person) -> Any:
    """Someone who may have bots, by a role that grants just that while the test runs."""
    role = (await client(admin).get("/roles/name/system_custom_group_admin")).ok()
    wanted = [*role["permissions"], "create_bot", "read_bots", "manage_bots"]
    (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": wanted})).ok()
    owner = await make.user("owner")
    roles = {"roles": "system_user system_user_access_token system_custom_group_admin"}
    (await client(admin).put(f"/users/{owner.id}/roles", roles)).ok()
    yield owner
    (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": role["permissions"]})).ok()


async def create(client: Client, make: Make, **fields: Any) -> Json:
    bot: Json = (await client.post("/bots", {"username": make.name("bot"), **fields})).ok(201)
    return bot


async def signed_in(client: Client, bot: Json) -> Person:
    """The bot with a token that its owner made."""
    token = (await client.post(f"/users/{bot['user_id']}/tokens", {"description": "bot"})).ok()
    return Person({"id": bot["user_id"], "username": bot["username"], "email": ""}, token["token"])


async def test_a_bot_is_a_user_with_an_owner(make: Make, client: Clients, admin: Person, socket: Sockets) -> None:
    bob = await make.user()

    async with socket(bob) as events:
        bot = await create(client(admin), make, display_name="The Bot", description="Says things.")
        heard = await events.next("new_user")

    assert bot == {
        "user_id": bot["user_id"],
        "create_at": bot["create_at"],
        "update_at": bot["create_at"],
        "delete_at": 0,
        "username": bot["username"],
        "owner_id": admin.id,
        "display_name": "The Bot",
        "description": "Says things.",
    }
    assert heard.data["user_id"] == bot["user_id"]
    user = (await client(bob).get(f"/users/{bot['user_id']}")).ok()
    assert user["is_bot"] is True
    assert user["first_name"] == "The Bot"
    assert user["bot_description"] == "Says things."
    assert user["email"] == f"{bot['username']}@localhost"
    assert user["roles"] == "system_user"
    assert (await client(admin).get(f"/bots/{bot['user_id']}")).ok() == bot
    listed = (await client(admin).get("/bots?per_page=200")).ok()
    assert bot in listed


async def test_bots_are_listed_in_pages_and_revalidated(make: Make, client: Clients, owner: Person) -> None:
    bots = []
    for _ in range(3):
        bots.append(await create(client(owner), make))
        await next_moment()

    pages = [(await client(owner).get(f"/bots?page={page}&per_page=2")).ok() for page in (0, 1)]
    first = await client(owner).get("/bots")
    again = await client(owner).get("/bots", headers={"if-none-match": first.headers["etag"]})

    assert pages[0] + pages[1] == bots == first.json
    assert again.status == 304


async def test_a_bot_posts_with_a_token_and_is_marked(
    make: Make, client: Clients, owner: Person, socket: Sockets, admin: Person
) -> None:
    bob, eve = await make.users(2)
    team = await make.team(members=[bob, eve])
    channel = await make.channel(team, members=[bob])
    bot = await create(client(owner), make)
    person = await signed_in(client(owner), bot)

    outside = await client(person).post("/posts", {"channel_id": channel.id, "message": "let me in"})
    await make.join_team(team, person)
    await make.join_channel(channel, person)
    async with socket(bob) as events, socket(eve) as others, socket(person, node=1) as own:
        (await client(person).post("/posts", {"channel_id": channel.id, "message": f"hi @{bob.username}"})).ok(201)
        posted = await events.next("posted")
        seen = await own.next("posted")
        assert "posted" not in await others.names()

    assert outside.error_id == FORBIDDEN
    assert posted.data["post"]["props"]["from_bot"] == "true"
    assert posted.data["mentions"] == [bob.id]
    assert seen.data["post"]["id"] == posted.data["post"]["id"]
    assert (await client(person).get("/users/me")).ok()["is_bot"] is True


async def test_nobody_else_can_mark_posts_as_of_a_bot(make: Make, client: Clients) -> None:
    bob = await make.user()
    channel = await make.channel(await make.team(members=[bob]), members=[bob])

    post = await make.post(bob, channel, props={"from_bot": "true", "card": "x"})

    assert post["props"] == {"card": "x"}


async def test_bots_need_no_switch_for_tokens_and_no_password(make: Make, client: Clients, admin: Person) -> None:
    bot = await create(client(admin), make)
    person = await signed_in(client(admin), bot)

    login = await client().post("/users/login", {"login_id": bot["username"], "password": PASSWORD})
    by_id = await client().post("/users/login", {"id": bot["user_id"], "password": PASSWORD})
    password = await client(admin).put(f"/users/{bot['user_id']}/password", {"new_password": PASSWORD})

    assert (await client(person).get("/users/me")).status == 200
    assert {reply.error_id for reply in (login, by_id)} == {"api.user.login.bot_login_forbidden.app_error"}
    assert login.status == 401
    assert password.status == 403


async def test_bots_make_no_bots_and_no_tokens(make: Make, client: Clients, owner: Person, admin: Person) -> None:
    bot = await create(client(owner), make)
    person = await signed_in(client(owner), bot)

    assert (await client(person).post("/bots", {"username": make.name("bot")})).error_id == FORBIDDEN
    assert (await client(person).post("/users/me/tokens", {"description": "x"})).error_id == FORBIDDEN
    (await client(admin).put(f"/users/{bot['user_id']}/roles", {"roles": "system_user system_admin"})).ok()
    assert (await client(person).post("/bots", {"username": make.name("bot")})).error_id == FORBIDDEN


async def test_owners_manage_their_bots_only(make: Make, client: Clients, owner: Person, admin: Person) -> None:
    own, others = await create(client(owner), make), await create(client(admin), make)
    token = (await client(admin).post(f"/users/{others['user_id']}/tokens", {"description": "x"})).ok()
    path = f"/bots/{others['user_id']}"

    refused = [
        await client(owner).get(path),
        await client(owner).put(path, {"username": "mine"}),
        await client(owner).post(f"{path}/disable"),
        await client(owner).post(f"{path}/enable"),
        await client(owner).post(f"{path}/assign/{owner.id}"),
        await client(owner).delete(f"{path}/icon"),
    ]
    tokens = [
        await client(owner).post(f"/users/{others['user_id']}/tokens", {"description": "x"}),
        await client(owner).get(f"/users/{others['user_id']}/tokens"),
        await client(owner).post("/users/tokens/revoke", {"token_id": token["id"]}),
    ]

    assert {(reply.status, reply.error_id) for reply in refused} == {(404, MISSING)}
    assert {(reply.status, reply.error_id) for reply in tokens} == {(403, FORBIDDEN)}
    assert (await client(owner).get("/bots")).ok() == [own]
    assert (await client(owner).get(f"/users/{own['user_id']}/tokens")).ok() == []


async def test_people_without_the_permissions_see_no_bots(make: Make, client: Clients, admin: Person) -> None:
    bot = await create(client(admin), make)
    bob = await make.user()

    assert (await client(bob).get("/bots")).error_id == FORBIDDEN
    assert (await client(bob).get(f"/bots/{bot['user_id']}")).error_id == MISSING
    assert (await client(bob).post("/bots", {"username": "bobsbot"})).error_id == FORBIDDEN
    assert (await client(bob).post(f"/bots/{bot['user_id']}/disable")).error_id == MISSING
    assert (await client().get("/bots")).status == 401


async def test_who_may_read_a_bot_but_not_manage_it_is_told_so(
    make: Make, client: Clients, owner: Person, admin: Person
) -> None:
    bot = await create(client(owner), make)
    role = (await client(admin).get("/roles/name/system_custom_group_admin")).ok()
    less = [name for name in role["permissions"] if name != "manage_bots"]
    (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": less})).ok()

    assert (await client(owner).put(f"/bots/{bot['user_id']}", {"username": "x1"})).error_id == FORBIDDEN
    assert (await client(owner).get(f"/bots/{bot['user_id']}")).status == 200


async def test_a_bot_is_renamed_for_everyone(make: Make, client: Clients, owner: Person, socket: Sockets) -> None:
    bob = await make.user()
    bot = await create(client(owner), make, description="old")
    name = make.name("renamed")

    async with socket(bob) as events:
        patch = {"username": name.upper(), "display_name": "New"}
        changed = (await client(owner).put(f"/bots/{bot['user_id']}", patch)).ok()
        updated = await events.next("user_updated")

    assert (changed["username"], changed["display_name"], changed["description"]) == (name, "New", "old")
    assert changed["update_at"] >= bot["update_at"]
    assert updated.data["user"]["username"] == name
    assert (await client(bob).get(f"/users/username/{name}")).ok()["email"] == f"{name}@localhost"
    only = (await client(owner).put(f"/bots/{bot['user_id']}", {"description": ""})).ok()
    assert "description" not in only
    assert only["username"] == name


async def test_names_that_are_taken_or_wrong_are_refused(make: Make, client: Clients, admin: Person) -> None:
    bob = await make.user()
    bot = await create(client(admin), make)
    taken = "app.user.save.username_exists.app_error"

    assert (await client(admin).post("/bots", {"username": bob.username})).error_id == taken
    assert (await client(admin).put(f"/bots/{bot['user_id']}", {"username": bob.username})).error_id == taken
    wrong = [
        ({"username": ""}, "model.bot.is_valid.username.app_error"),
        ({"username": "all"}, "model.bot.is_valid.username.app_error"),
        ({"username": "with space"}, "model.bot.is_valid.username.app_error"),
        ({"username": "x" * 65}, "model.bot.is_valid.username.app_error"),
        ({"username": "ok1", "display_name": "x" * 65}, "model.bot.is_valid.display_name.app_error"),
        ({"username": "ok1", "description": "x" * 1025}, "model.bot.is_valid.description.app_error"),
        ({"username": 5}, "api.context.invalid_body_param.app_error"),
        ({}, "api.context.invalid_body_param.app_error"),
    ]
    for body, error_id in wrong:
        refused = await client(admin).post("/bots", body)
        assert (refused.status, refused.error_id) == (400, error_id), body
    odd = await create(client(admin), make, username=f"..{make.name('odd')}._-.")
    assert odd["username"].endswith("._-.")


async def test_bots_are_only_made_where_that_is_allowed(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    settings(ServiceSettings={"EnableBotAccountCreation": False})

    refused = await client(admin).post("/bots", {"username": make.name("bot")})

    assert (refused.status, refused.error_id) == (403, "api.bot.create_disabled")


async def test_a_disabled_bot_is_out_at_once_and_comes_back_when_enabled(
    make: Make, client: Clients, owner: Person, socket: Sockets
) -> None:
    bot = await create(client(owner), make)
    person = await signed_in(client(owner), bot)
    for node in (0, 1):
        (await client(person, node=node).get("/users/me")).ok()

    async with socket(person, node=1) as events, socket(owner) as told:
        disabled = (await client(owner).post(f"/bots/{bot['user_id']}/disable")).ok()
        await told.next("user_activation_status_change")
        with pytest.raises(websockets.ConnectionClosed):
            await events.next("posted")
    refused = [await client(person, node=node).get("/users/me") for node in (0, 1)]
    hidden = await client(owner).get(f"/bots/{bot['user_id']}")
    enabled = (await client(owner).post(f"/bots/{bot['user_id']}/enable")).ok()

    assert disabled["delete_at"] > 0
    assert {reply.status for reply in refused} == {401}
    assert (hidden.status, hidden.error_id) == (404, MISSING)
    assert enabled["delete_at"] == 0
    assert (await client(person).get("/users/me")).status == 200


async def test_disabled_bots_are_listed_on_request(make: Make, client: Clients, owner: Person) -> None:
    live = await create(client(owner), make)
    await next_moment()
    disabled = await create(client(owner), make)
    disabled = (await client(owner).post(f"/bots/{disabled['user_id']}/disable")).ok()
    again = (await client(owner).post(f"/bots/{disabled['user_id']}/disable")).ok()

    assert again == disabled
    assert (await client(owner).get("/bots")).ok() == [live]
    assert (await client(owner).get("/bots?include_deleted=true")).ok() == [live, disabled]
    path = f"/bots/{disabled['user_id']}?include_deleted=true"
    assert (await client(owner).get(path)).ok() == disabled


@pytest.mark.parametrize("with_their_owner", [True, False])
async def test_bots_of_a_deactivated_owner_are_disabled_if_that_is_set(
    make: Make, client: Clients, owner: Person, admin: Person, settings: Settings, with_their_owner: bool
) -> None:
    settings(ServiceSettings={"DisableBotsWhenOwnerIsDeactivated": with_their_owner})
    bot = await create(client(owner), make)
    person = await signed_in(client(owner), bot)
    (await client(person).get("/users/me")).ok()

    (await client(admin).put(f"/users/{owner.id}/active", {"active": False})).ok()

    assert ((await client(person).get("/users/me")).status == 401) is with_their_owner
    orphaned = (await client(admin).get("/bots?only_orphaned=true&include_deleted=true&per_page=200")).ok()
    found = [each for each in orphaned if each["user_id"] == bot["user_id"]]
    assert (found[0]["delete_at"] > 0) is with_their_owner
    assert all(each["owner_id"] != admin.id for each in orphaned)


async def test_a_bot_gets_another_owner(make: Make, client: Clients, owner: Person, admin: Person) -> None:
    bot, other = await create(client(admin), make), await create(client(admin), make)

    assigned = (await client(admin).post(f"/bots/{bot['user_id']}/assign/{owner.id}")).ok()
    to_a_bot = await client(admin).post(f"/bots/{bot['user_id']}/assign/{other['user_id']}")
    to_nobody = await client(admin).post(f"/bots/{bot['user_id']}/assign/{new_id()}")

    assert assigned["owner_id"] == owner.id
    assert to_a_bot.error_id == FORBIDDEN
    assert (to_nobody.status, to_nobody.error_id) == (404, "app.user.missing_account.const")
    assert (await client(owner).get("/bots")).ok() == [assigned]
    to_me = (await client(admin).post(f"/bots/{bot['user_id']}/assign/me")).ok()
    assert to_me["owner_id"] == admin.id


async def test_owners_do_not_manage_a_bot_that_is_an_administrator(
    make: Make, client: Clients, owner: Person, admin: Person
) -> None:
    bot = await create(client(owner), make)
    (await client(admin).put(f"/users/{bot['user_id']}/roles", {"roles": "system_user system_admin"})).ok()

    refused = [
        await client(owner).post(f"/users/{bot['user_id']}/tokens", {"description": "x"}),
        await client(owner).put(f"/bots/{bot['user_id']}", {"description": "x"}),
        await client(owner).post(f"/bots/{bot['user_id']}/disable"),
    ]

    assert {(reply.status, reply.error_id) for reply in refused} == {(403, FORBIDDEN)}


async def test_unknown_bots_and_people_are_no_bots(make: Make, client: Clients, admin: Person) -> None:
    bob = await make.user()

    for user_id in (bob.id, new_id()):
        assert (await client(admin).get(f"/bots/{user_id}")).error_id == MISSING
        assert (await client(admin).put(f"/bots/{user_id}", {"description": "x"})).error_id == MISSING
        assert (await client(admin).post(f"/bots/{user_id}/disable")).error_id == MISSING
    assert (await client(admin).get("/bots/short")).status == 400
