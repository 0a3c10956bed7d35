"""Icons of teams over HTTP."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from tests.clients_of import Client, Reply
from tests.make import Make

Clients = Callable[..., Client]
Settings = Callable[..., None]


def picture(width: int = 300, height: int = 200, format: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, format)
    return out.getvalue()


async def upload(client: Client, path: str, content: bytes, field: str = "image") -> Reply:
    return await client.request("POST", path, files={field: ("icon.jpg", content, "image/jpeg")})


async def test_an_icon_is_set_seen_and_taken_away(make: Make, client: Clients, socket: Callable[..., Any]) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[bob], owner=ada)
    path = f"/teams/{team.id}/image"
    assert (await client(bob).get(path)).status == 404

    async with socket(bob, node=1) as events:
        assert (await upload(client(ada), path, picture())).ok() == {"status": "OK"}
        told = await events.next("update_team")
    shown = await client(bob, node=1).get(path)

    assert told.data["team"]["last_team_icon_update"] > 0
    assert (shown.status, shown.headers["content-type"]) == (200, "image/png")
    with Image.open(io.BytesIO(shown.content)) as icon:
        assert (icon.format, icon.size) == ("PNG", (128, 128))
    assert shown.headers["cache-control"] == "max-age=86400, private"
    etag = shown.headers["etag"]
    same = await client(bob).get(path, headers={"if-none-match": etag})
    assert (same.status, same.content) == (304, b"")
    assert (await client(eve).get(path)).status == 403
    assert (await upload(client(bob), path, picture())).status == 403
    assert (await client(bob).delete(path)).status == 403
    (await client(ada).delete(path)).ok()
    gone = await client(bob).get(path)
    assert (gone.status, gone.error_id) == (404, "api.team.get_team_icon.read_file.app_error")
    assert (await client(bob).get(f"/teams/{team.id}")).ok()["last_team_icon_update"] == 0


@pytest.mark.parametrize("content", [b"no picture", picture()[:80], b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
async def test_what_is_no_picture_is_refused(content: bytes, make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(owner=ada)

    reply = await upload(client(ada), f"/teams/{team.id}/image", content)

    assert (reply.status, reply.error_id) == (400, "api.team.set_team_icon.decode.app_error")
    assert (await client(ada).get(f"/teams/{team.id}/image")).status == 404


async def test_pixels_bytes_and_forms_have_limits(make: Make, client: Clients, settings: Settings) -> None:
    ada = await make.user()
    team = await make.team(owner=ada)
    path = f"/teams/{team.id}/image"

    assert (await upload(client(ada), path, picture(), field="other")).status == 400
    assert (await upload(client(ada), path, b"")).status == 400
    assert (await client(ada).post(path, {"image": "x"})).status == 400
    settings(FileSettings={"MaxImageResolution": 100})
    assert (await upload(client(ada), path, picture())).status == 400
    settings(FileSettings={"MaxFileSize": 100})
    assert (await upload(client(ada), path, picture())).status == 413
