"""Pictures of people: generated, uploaded, reset."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from server.features.users.avatars import avatar
from tests.clients_of import Client, Reply
from tests.make import Make, Person

Clients = Callable[..., Client]
Settings = Callable[..., None]


@pytest.fixture(autouse=True)
def store(settings: Settings, tmp_path: Path) -> Path:
    settings(FileSettings={"Directory": str(tmp_path)})
    return tmp_path


def stored(store: Path) -> list[Path]:
    return list(store.rglob("*.png"))


def picture(colour: str, size: tuple[int, int] = (300, 200)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


async def upload(client: Client, user_id: str, content: bytes, name: str = "image") -> Reply:
    return await client.request("POST", f"/users/{user_id}/image", files={name: ("me.png", content, "image/png")})


def opened(reply: Reply) -> Image.Image:
    assert reply.status == 200, reply
    assert reply.headers["content-type"] == "image/png"
    found = Image.open(io.BytesIO(reply.content))
    assert (found.format, found.size) == ("PNG", (128, 128))
    return found


async def test_everyone_has_a_generated_picture_that_stays_the_same(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)

    own = await client(ada).get("/users/me/image")
    seen = await client(bob, node=1).get(f"/users/{ada.id}/image?_=0")

    opened(own)
    assert own.content == seen.content == (await client(bob).get(f"/users/{ada.id}/image/default")).content
    assert "etag" not in own.headers
    assert own.headers["cache-control"] == "max-age=300, private"


async def test_generated_pictures_show_the_letter_and_differ_in_colour() -> None:
    colours = set()
    for number in range(40):
        found = Image.open(io.BytesIO(await avatar(f"id{number}", "ada"))).convert("RGB")
        corner = found.getpixel((0, 0))
        colours.add(corner)
        assert len(found.getcolors(20_000) or []) > 2

    assert len(colours) > 10
    assert await avatar("id", "ada") == await avatar("id", "adam") != await avatar("id", "bob")


async def test_an_uploaded_picture_is_shown_by_all_nodes_and_kept_by_clients(
    make: Make, client: Clients, socket: Any
) -> None:
    ada, bob = await make.users(2)
    async with socket(bob) as events:
        (await upload(client(ada), "me", picture("red"))).ok()
        told = (await events.next("user_updated")).raw["user"]

    shown = await client(bob, node=1).get(f"/users/{ada.id}/image")
    assert opened(shown).convert("RGB").getpixel((64, 64)) == (255, 0, 0)
    assert told["last_picture_update"] > 0
    assert shown.headers["etag"] == str(told["last_picture_update"])
    assert shown.headers["cache-control"] == "max-age=86400, private"
    kept = await client(bob).get(f"/users/{ada.id}/image", headers={"If-None-Match": shown.headers["etag"]})
    assert (kept.status, kept.content) == (304, b"")

    (await upload(client(ada), ada.id, picture("blue"))).ok()
    newer = await client(bob).get(f"/users/{ada.id}/image", headers={"If-None-Match": shown.headers["etag"]})
    assert opened(newer).convert("RGB").getpixel((64, 64)) == (0, 0, 255)


async def test_a_reset_picture_is_the_generated_one_again(make: Make, client: Clients, store: Path) -> None:
    ada = await make.user()
    generated = (await client(ada).get("/users/me/image")).content
    (await upload(client(ada), "me", picture("red"))).ok()
    assert [path.name for path in stored(store)] == ["profile.png"]

    (await client(ada).delete("/users/me/image")).ok()

    assert (await client(ada).get("/users/me/image")).content == generated
    assert (await client(ada).get("/users/me")).ok()["last_picture_update"] < 0
    assert stored(store) == []


async def test_what_is_no_picture_is_refused(make: Make, client: Clients, settings: Settings) -> None:
    ada = await make.user()
    settings(FileSettings={"MaxFileSize": 10_000, "MaxImageResolution": 100_000})

    refused = [
        await upload(client(ada), "me", b"not a picture"),
        await upload(client(ada), "me", b""),
        await upload(client(ada), "me", picture("red"), name="file"),
        await upload(client(ada), "me", picture("red", (400, 300))),
        await client(ada).post("/users/me/image", {"image": "red"}),
        await client(ada).post("/users/me/image", b"--x", headers={"content-type": "multipart/form-data; boundary=x"}),
        await client(ada).post("/users/me/image", b"--x", headers={"content-type": "multipart/form-data"}),
    ]
    large = await upload(client(ada), "me", b"x" * 10_001)

    assert [reply.status for reply in refused] == [400] * 7
    assert all(reply.error_id for reply in refused)
    assert (large.status, large.error_id) == (413, "api.file.upload_file.too_large_detailed.app_error")
    assert (await client(ada).get("/users/me")).ok().get("last_picture_update", 0) == 0


async def test_nobody_changes_the_picture_of_others(make: Make, client: Clients, admin: Person) -> None:
    ada, bob = await make.users(2)

    assert (await upload(client(bob), ada.id, picture("red"))).status == 403
    assert (await client().get(f"/users/{ada.id}/image")).status == 401
    assert (await client(bob).get(f"/users/{'x' * 26}/image")).status == 404
    (await upload(client(admin), ada.id, picture("red"))).ok()


async def test_a_picture_that_got_lost_is_replaced_by_the_generated_one(
    make: Make, client: Clients, store: Path
) -> None:
    ada = await make.user()
    (await upload(client(ada), "me", picture("red"))).ok()
    for path in stored(store):
        path.unlink()

    shown = await client(ada).get("/users/me/image")

    opened(shown)
    assert "etag" not in shown.headers
