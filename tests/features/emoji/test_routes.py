"""Custom emojis: adding, finding, showing and deleting them."""

import io
import json
from typing import Any

import pytest
from PIL import Image

from server.features.emoji.names import system_names
from server.ids import new_id
from tests.features.emoji.uploading import Clients, Counted, Settings, Sockets, gif, new_emoji, png, upload
from tests.make import Make
from tests.waiting import next_moment


async def test_an_emoji_is_there_for_everyone_and_everyone_hears_of_it(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada, bob = await make.users(2)
    name = make.name("Party-Parrot+")
    async with socket(bob, node=1) as events:
        emoji = (await upload(client(ada), name, creator_id=ada.id)).ok()

        event = await events.next("emoji_added")
        found = (await client(bob, node=1).get(f"/emoji/name/{name}")).ok()
    assert event.data["emoji"] == emoji == found
    assert list(emoji) == ["id", "create_at", "update_at", "delete_at", "creator_id", "name"]
    assert (emoji["creator_id"], emoji["name"], emoji["delete_at"]) == (ada.id, name, 0)
    assert emoji["create_at"] == emoji["update_at"] > 0
    assert (await client(bob).get(f"/emoji/{emoji['id']}")).ok() == emoji
    assert (await client(bob).post("/emoji/names", [name, "nobody_has_this", name])).ok() == [emoji]


async def test_emojis_are_listed_and_searched(make: Make, client: Clients) -> None:
    caller = client(await make.user())
    stem = make.name("zz")
    names = [f"{stem}_b", f"{stem}_A", f"a_{stem}"]
    for name in names:
        (await upload(client(make.admin), name)).ok()
        await next_moment()

    async def found(path: str, body: Any = None) -> list[str]:
        reply = await (caller.post(path, body) if body is not None else caller.get(path))
        return [emoji["name"] for emoji in reply.ok() if stem in emoji["name"]]

    assert await found("/emoji?per_page=200&sort=name") == sorted(names)
    assert await found("/emoji?per_page=200") == names
    assert await found("/emoji/search", {"term": stem}) == sorted(names)
    assert await found("/emoji/search", {"term": stem.upper(), "prefix_only": "true"}) == sorted(names[:2])
    assert await found("/emoji/search", {"term": stem, "prefix_only": True}) == sorted(names[:2])
    assert await found("/emoji/search", {"term": "%"}) == []
    assert await found(f"/emoji/autocomplete?name={stem}_a") == names[1:2]
    pages = [await caller.get(f"/emoji?per_page=1&page={page}&sort=name") for page in (0, 1)]
    assert pages[0].ok() != pages[1].ok()
    assert len(pages[0].json) == len(pages[1].json) == 1


@pytest.mark.parametrize(
    "path", ["/emoji?sort=size", "/emoji/autocomplete", "/emoji/autocomplete?name=", "/emoji/short"]
)
async def test_questions_that_make_no_sense_are_refused(make: Make, client: Clients, path: str) -> None:
    assert (await client(await make.user()).get(path)).status == 400


async def test_a_search_needs_a_term(make: Make, client: Clients) -> None:
    caller = client(await make.user())

    assert (await caller.post("/emoji/search", {"term": ""})).status == 400
    assert (await caller.post("/emoji/search", {})).status == 400
    assert (await caller.post("/emoji/names", ["x"] * 1001)).status == 400


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
async def test_a_picture_becomes_a_small_png(make: Make, client: Clients, kind: str) -> None:
    ada = await make.user()
    emoji = (await upload(client(ada), make.name("pic"), png((1028, 514), kind))).ok()

    image = await client(ada, node=1).get(f"/emoji/{emoji['id']}/image")

    assert (image.status, image.headers["content-type"]) == (200, "image/png")
    assert image.headers["cache-control"] == "max-age=2592000, private"
    assert image.headers["x-content-type-options"] == "nosniff"
    with Image.open(io.BytesIO(image.content)) as picture:
        assert (picture.format, picture.size) == ("PNG", (128, 64))
        assert picture.convert("RGB").getcolors() is not None
    again = await client(ada).get(f"/emoji/{emoji['id']}/image", headers={"if-none-match": image.headers["etag"]})
    assert (again.status, again.content) == (304, b"")


async def test_a_small_picture_keeps_its_size(make: Make, client: Clients) -> None:
    emoji = (await upload(client(make.admin), make.name("pic"), png((20, 10)))).ok()

    image = await client(make.admin).get(f"/emoji/{emoji['id']}/image")

    with Image.open(io.BytesIO(image.content)) as picture:
        assert picture.size == (20, 10)


async def test_an_animated_picture_goes_on_moving(make: Make, client: Clients) -> None:
    emoji = (await upload(client(make.admin), make.name("pic"), gif((256, 128), frames=4))).ok()

    image = await client(make.admin).get(f"/emoji/{emoji['id']}/image")

    assert image.headers["content-type"] == "image/gif"
    with Image.open(io.BytesIO(image.content)) as picture:
        durations = []
        for number in range(picture.n_frames):  # type: ignore[attr-defined]
            picture.seek(number)
            durations.append(picture.info["duration"])
        assert (picture.size, durations, picture.info["loop"]) == ((128, 64), [50, 100, 200, 400], 0)


@pytest.mark.parametrize(
    ("image", "status", "error_id"),
    [
        (b"GIF89a and then nothing", 400, "api.emoji.upload.image.app_error"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 400, "api.emoji.upload.image.app_error"),
        (png((8, 8), "BMP"), 400, "api.emoji.upload.image.app_error"),
        (png((1029, 1)), 400, "api.emoji.upload.large_image.too_large.app_error"),
        (gif((2, 2), frames=301), 400, "api.emoji.upload.large_image.too_large.app_error"),
        (b"", 400, "api.context.invalid_body_param.app_error"),
        (png() + b"\0" * 1024 * 1024, 413, "api.emoji.create.too_large.app_error"),
    ],
    ids=["broken", "svg", "bmp", "too wide", "too many frames", "empty", "too large"],
)
async def test_what_is_no_small_picture_is_refused(
    make: Make, client: Clients, image: bytes, status: int, error_id: str
) -> None:
    name = make.name("pic")

    reply = await upload(client(make.admin), name, image)

    assert (reply.status, reply.error_id) == (status, error_id)
    assert (await client(make.admin).get(f"/emoji/name/{name}")).error_id == "app.emoji.get_by_name.no_result"


@pytest.mark.parametrize(
    ("name", "error_id"),
    [
        ("", "model.emoji.name.app_error"),
        ("a" * 65, "model.emoji.name.app_error"),
        ("a b", "model.emoji.name.app_error"),
        (":a:", "model.emoji.name.app_error"),
        ("ä", "model.emoji.name.app_error"),
        ("smile", "model.emoji.system_emoji_name.app_error"),
        ("+1_dark_skin_tone", "model.emoji.system_emoji_name.app_error"),
        (7, "api.context.invalid_body_param.app_error"),
        (None, "api.context.invalid_body_param.app_error"),
    ],
)
async def test_names_have_a_form_and_are_not_those_of_system_emojis(
    make: Make, client: Clients, name: Any, error_id: str
) -> None:
    reply = await upload(client(make.admin), name)

    assert (reply.status, reply.error_id) == (400, error_id)


async def test_a_name_is_taken_until_its_emoji_is_deleted(make: Make, client: Clients) -> None:
    emoji = await new_emoji(make, client)

    taken = await upload(client(make.admin, node=1), emoji["name"])
    (await client(make.admin).delete(f"/emoji/{emoji['id']}")).ok()
    again = await upload(client(make.admin, node=1), emoji["name"])

    assert (taken.status, taken.error_id) == (400, "api.emoji.create.duplicate.app_error")
    assert again.ok()["id"] != emoji["id"]


async def test_forms_that_lack_something_are_refused(make: Make, client: Clients) -> None:
    caller = client(make.admin)
    image = ("x.png", png())
    emoji = json.dumps({"name": make.name("e")})

    replies = [
        await caller.request("POST", "/emoji", files={"image": image}),
        await caller.request("POST", "/emoji", files={"emoji": (None, emoji)}),
        await caller.request("POST", "/emoji", files={"image": image}, data={"emoji": "{"}),
        await caller.request("POST", "/emoji", files={"image": image}, data={"emoji": "x" * 2000}),
        await caller.post("/emoji", {"name": "x"}),
        await caller.request("POST", "/emoji", b"--x", headers={"content-type": "multipart/form-data; boundary=x"}),
        await caller.request("POST", "/emoji", headers={"content-type": "multipart/form-data"}),
    ]

    assert [reply.status for reply in replies] == [400] * 7
    assert {reply.error_id for reply in replies} == {"api.context.invalid_body_param.app_error"}


async def test_nobody_adds_emojis_in_another_ones_name(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)

    reply = await upload(client(ada), make.name("e"), creator_id=bob.id)

    assert (reply.status, reply.error_id) == (403, "api.emoji.create.other_user.app_error")


async def test_guests_add_none_and_strangers_see_none(make: Make, client: Clients, settings: Settings) -> None:
    settings(GuestAccountsSettings={"Enable": True})
    guest = await make.user()
    (await client(make.admin).put(f"/users/{guest.id}/roles", {"roles": "system_guest"})).ok()
    emoji = await new_emoji(make, client)

    assert (await upload(client(guest), make.name("e"))).status == 403
    assert (await client(guest).delete(f"/emoji/{emoji['id']}")).status == 403
    assert (await client(guest).get(f"/emoji/{emoji['id']}/image")).status == 200
    for path in ("", f"/{emoji['id']}", f"/{emoji['id']}/image", f"/name/{emoji['name']}", "/autocomplete?name=x"):
        assert (await client().get(f"/emoji{path}")).status == 401
    assert (await upload(client(), make.name("e"))).status == 401


async def test_one_deletes_ones_own_and_administrators_all(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    first, second = await new_emoji(make, client, ada), await new_emoji(make, client, ada)

    assert (await client(bob).delete(f"/emoji/{first['id']}")).error_id == "api.context.permissions.app_error"
    assert (await client(ada).delete(f"/emoji/{first['id']}")).ok() == {"status": "OK"}
    assert (await client(make.admin).delete(f"/emoji/{second['id']}")).ok() == {"status": "OK"}

    assert (await client(ada).delete(f"/emoji/{first['id']}")).error_id == "app.emoji.get.no_result"
    assert (await client(ada).get(f"/emoji/{first['id']}")).error_id == "app.emoji.get.no_result"
    assert (await client(ada, node=1).get(f"/emoji/{first['id']}/image")).error_id == "app.emoji.get.no_result"
    assert (await client(ada, node=1).get(f"/emoji/name/{first['name']}")).status == 404
    assert (await client(ada).get(f"/emoji/{new_id()}")).status == 404
    listed = (await client(ada).get("/emoji?per_page=200")).ok()
    assert not {first["id"], second["id"]} & {emoji["id"] for emoji in listed}


async def test_custom_emojis_can_be_switched_off(make: Make, client: Clients, settings: Settings) -> None:
    emoji = await new_emoji(make, client)
    settings(ServiceSettings={"EnableCustomEmoji": False})
    caller = client(make.admin)

    replies = [
        await caller.get("/emoji"),
        await caller.get(f"/emoji/{emoji['id']}"),
        await caller.get(f"/emoji/{emoji['id']}/image"),
        await caller.delete(f"/emoji/{emoji['id']}"),
        await upload(caller, make.name("e")),
    ]

    assert {(reply.status, reply.error_id) for reply in replies} == {(501, "api.emoji.disabled.app_error")}


async def test_asking_by_name_costs_no_statement(make: Make, client: Clients, counted: Counted) -> None:
    emoji = await new_emoji(make, client)
    (await client(make.admin).get(f"/emoji/name/{emoji['name']}")).ok()

    with counted(sql=0):
        (await client(make.admin).get(f"/emoji/name/{emoji['name']}")).ok()
        (await client(make.admin).post("/emoji/names", [emoji["name"], "x"])).ok()


def test_the_names_that_clients_send_are_known() -> None:
    sent = """+1 -1 thumbsup thumbsdown white_check_mark smile slightly_smiling_face heart tada eyes thinking
        thinking_face raised_hands us gb flag-au woman-running female-doctor man_technologist policewoman mattermost
        wave_medium_skin_tone +1_dark_skin_tone thumbsup_light_skin_tone man_student_medium_light_skin_tone
        two_women_holding_hands_dark_skin_tone_light_skin_tone facepunch_medium_dark_skin_tone 100 1234 o x"""

    assert set(sent.split()) - system_names() == set()
    assert {"", "party_parrot", "burundi", "red_heart", "smile_dark_skin_tone"} & system_names() == set()
