"""Icons of bots: SVG drawings, safe to show."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.features.bots.icons import ICON_MAX, is_svg
from tests.clients_of import Client, Reply
from tests.make import Make, Person

Clients = Callable[..., Client]
Settings = Callable[..., None]

DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="3"/></svg>'
GROWING = b'<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg">&b;</svg>'


@pytest.fixture
async def bot(make: Make, client: Clients, admin: Person, settings: Settings, tmp_path: Path) -> dict[str, Any]:
    settings(FileSettings={"Directory": str(tmp_path)}, ServiceSettings={"EnableBotAccountCreation": True})
    bot: dict[str, Any] = (await client(admin).post("/bots", {"username": make.name("bot")})).ok(201)
    return bot


async def upload(client: Client, bot: dict[str, Any], content: bytes, name: str = "image") -> Reply:
    files = {name: ("icon.svg", content, "image/svg+xml")}
    return await client.request("POST", f"/bots/{bot['user_id']}/icon", files=files)


async def test_an_icon_is_shown_to_everyone_and_can_run_nothing(
    make: Make, client: Clients, admin: Person, bot: dict[str, Any]
) -> None:
    bob = await make.user()
    path = f"/bots/{bot['user_id']}/icon"
    none = await client(bob).get(path)

    assert (await upload(client(admin), bot, DRAWING)).ok() == {"status": "OK"}
    shown = await client(bob, node=1).get(path)
    again = await client(bob).get(path, headers={"if-none-match": shown.headers["etag"]})

    assert none.status == 404
    assert shown.content == DRAWING
    assert shown.headers["content-type"] == "image/svg+xml"
    assert shown.headers["content-disposition"].startswith("attachment")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in shown.headers["content-security-policy"]
    assert again.status == 304
    assert (await client(admin).get(f"/bots/{bot['user_id']}")).ok()["last_icon_update"] > 0
    assert (await client().get(path)).status == 401


async def test_an_icon_can_be_taken_away(client: Clients, admin: Person, bot: dict[str, Any]) -> None:
    (await upload(client(admin), bot, DRAWING)).ok()

    (await client(admin).delete(f"/bots/{bot['user_id']}/icon")).ok()

    assert (await client(admin).get(f"/bots/{bot['user_id']}/icon")).status == 404
    assert "last_icon_update" not in (await client(admin).get(f"/bots/{bot['user_id']}")).ok()


@pytest.mark.parametrize(
    "content",
    [b"GIF89a", b"<html></html>", b"<svg>", GROWING, b"<svg/><svg/>", b"<a><svg/></a>", b"\xff\xfe\x00", b"<x>" * 5000],
)
async def test_what_is_no_drawing_is_refused(
    client: Clients, admin: Person, bot: dict[str, Any], content: bytes
) -> None:
    refused = await upload(client(admin), bot, content)

    assert (refused.status, refused.error_id) == (400, "api.bot.set_bot_icon_image.parse.app_error")
    assert (await client(admin).get(f"/bots/{bot['user_id']}/icon")).status == 404


async def test_large_missing_and_foreign_icons_are_refused(
    make: Make, client: Clients, admin: Person, bot: dict[str, Any]
) -> None:
    bob = await make.user()

    assert (await upload(client(admin), bot, DRAWING + b" " * ICON_MAX)).status == 413
    assert (await upload(client(admin), bot, DRAWING, name="file")).status == 400
    assert (await upload(client(bob), bot, DRAWING)).status == 404
    assert (await client(bob).delete(f"/bots/{bot['user_id']}/icon")).status == 404


def test_drawings_may_have_prefixes_and_a_declaration() -> None:
    assert is_svg(b'<?xml version="1.0" encoding="utf-8"?>\n<!-- made by hand -->\n' + DRAWING)
    assert is_svg(b'<s:svg xmlns:s="http://www.w3.org/2000/svg"/>')
    assert not is_svg(b'<?xml version="1.0" encoding="no-such-code"?><svg/>')
