"""What clients ask about addresses: pages, pictures, and where an address leads."""

import pytest

from server.features.previews import fetcher
from tests.features.previews.world import Clients, Settings, World, picture


async def test_a_page_is_described(world: World) -> None:
    url = f"{world.receiver.url}/page"
    told = (await world.client(world.ada).post("/opengraph", {"url": url})).ok()

    assert (told["title"], told["url"], told["type"]) == ("Bears & honey", url, "article")
    assert told["images"][0]["url"] == f"{world.receiver.url}/bear.png"


async def test_a_page_that_says_nothing_is_its_address(world: World) -> None:
    url = f"{world.receiver.url}/missing"
    told = (await world.client(world.ada).post("/opengraph", {"url": url})).ok()

    assert told == {"type": "", "url": url, "title": "", "description": "", "site_name": "", "images": []}


@pytest.mark.parametrize("url", ["", "ftp://example.org/", "no address", "http://", "http://u:p@example.org/"])
async def test_what_is_no_address_is_refused(world: World, url: str) -> None:
    ada = world.client(world.ada)

    assert (await ada.post("/opengraph", {"url": url})).error_id == "api.context.invalid_body_param.app_error"
    assert (await ada.get("/redirect_location", params={"url": url})).status == 400
    assert (await ada.get("/image", params={"url": url})).error_id == "api.image.get.app_error"


async def test_previews_can_be_switched_off(world: World, settings: Settings) -> None:
    settings(ServiceSettings={"EnableLinkPreviews": False})
    ada, url = world.client(world.ada), f"{world.receiver.url}/page"
    reply = await ada.post("/opengraph", {"url": url})

    assert (reply.status, reply.error_id) == (501, "api.post.link_preview_disabled.app_error")
    assert (await ada.get("/redirect_location", params={"url": url})).ok() == {"location": ""}
    assert world.receiver.requests == []


async def test_strangers_ask_nothing(client: Clients, world: World) -> None:
    url = f"{world.receiver.url}/page"

    assert (await client().post("/opengraph", {"url": url})).status == 401
    assert (await client().get("/image", params={"url": url})).status == 401
    assert (await client().get("/redirect_location", params={"url": url})).status == 401
    assert world.receiver.requests == []


async def test_where_an_address_leads(world: World) -> None:
    world.receiver.answer(path="/short", location="https://example.org/long")
    ada, base = world.client(world.ada), world.receiver.url

    assert (await ada.get("/redirect_location", params={"url": f"{base}/short"})).ok() == {
        "location": "https://example.org/long"
    }
    assert (await ada.get("/redirect_location", params={"url": f"{base}/page"})).ok() == {"location": ""}
    assert (await ada.get("/redirect_location", params={"url": "http://10.1.2.3/"})).ok() == {"location": ""}
    assert {asked.method for asked in world.receiver.requests} == {"HEAD"}


async def test_without_a_proxy_clients_are_sent_to_the_picture(world: World) -> None:
    ada = world.client(world.ada)
    outside = await ada.get("/image", params={"url": "https://pictures.example.org/ü.png?a=b"})
    inside = await ada.get("/image", params={"url": "/static/a.png"})

    assert (outside.status, outside.headers["location"]) == (302, "https://pictures.example.org/%C3%BC.png?a=b")
    assert inside.headers["location"] == "https://chat.example.org/static/a.png"
    for bad in ("//evil.example.org", "/\\evil.example.org", "javascript:alert(1)", "/a\r\nset-cookie: x=y"):
        assert (await ada.get("/image", params={"url": bad})).status == 400


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_the_proxy_hands_pictures_on(world: World, settings: Settings, kind: str) -> None:
    settings(ImageProxySettings={"Enable": True})
    content = picture(12, 7, kind)
    world.receiver.answer(path="/p", body=content, headers={"content-type": "text/html"})
    reply = await world.client(world.ada).get("/image", params={"url": f"{world.receiver.url}/p"})

    assert (reply.status, reply.content) == (200, content)
    assert reply.headers["content-type"] == f"image/{kind.lower()}"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"] == "default-src 'none'; sandbox"
    asked = world.receiver.requests[-1]
    assert "authorization" not in asked.headers
    assert world.ada.token not in repr(asked)


async def test_the_proxy_hands_on_nothing_else(world: World, settings: Settings) -> None:
    settings(ImageProxySettings={"Enable": True})
    receiver, ada = world.receiver, world.client(world.ada)
    receiver.answer(path="/svg", body=b"<svg onload='x'/>", headers={"content-type": "image/svg+xml"})
    receiver.answer(path="/lie", body=b"<script>", headers={"content-type": "image/png"})
    receiver.answer(path="/large", size=11_000_000, headers={"content-type": "image/png"})
    receiver.answer(path="/inside", location="http://169.254.169.254/meta")
    found = {path: await ada.get("/image", params={"url": receiver.url + path}) for path in
             ("/svg", "/lie", "/large", "/missing", "/inside")}  # fmt: skip

    assert [reply.status for reply in found.values()] == [404, 404, 404, 404, 400]
    assert {reply.error_id for reply in found.values()} == {"api.image.get.app_error"}


async def test_pictures_can_come_through_a_camo_server(world: World, settings: Settings) -> None:
    settings(
        ImageProxySettings={
            "Enable": True,
            "ImageProxyType": "atmos/camo",
            "RemoteImageProxyURL": "https://camo.example.org/",
            "RemoteImageProxyOptions": "key",
        }
    )
    reply = await world.client(world.ada).get("/image", params={"url": "http://example.org/a.png"})

    # echo -n http://example.org/a.png | openssl sha1 -hmac key
    digest = "af3dbc83f4325362d31414a594ddcd126f6e2a67"
    target = b"http://example.org/a.png".hex()
    assert reply.headers["location"] == f"https://camo.example.org/{digest}/{target}"


async def test_only_so_many_wait_for_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "WAITING", 0)
    reply = await world.client(world.ada).post("/opengraph", {"url": f"{world.receiver.url}/page"})

    assert (reply.status, reply.error_id) == (503, "api.context.server_busy.app_error")
    monkeypatch.undo()
    told = (await world.client(world.ada).post("/opengraph", {"url": f"{world.receiver.url}/page"})).ok()
    assert told["title"] == "Bears & honey", "a refusal is not remembered"
