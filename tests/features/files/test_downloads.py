"""Downloads: ranges, caching, what browsers may do with files, who may read them, public links."""

from collections.abc import Callable
from urllib.parse import unquote

import pytest

from tests.clients_of import Client
from tests.features.files.uploading import Uploads, World, picture
from tests.make import Make

Clients = Callable[..., Client]
Settings = Callable[..., None]

CONTENT = bytes(range(256)) * 4096


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=1048570-", 1048570, 1048576),
        ("bytes=-5", 1048571, 1048576),
        ("bytes=-99999999", 0, 1048576),
        ("bytes=500-99999999999", 500, 1048576),
    ],
)
async def test_a_range_is_a_part_of_the_file(
    client: Clients, upload: Uploads, same_world: World, asked: str, start: int, end: int
) -> None:
    (info,) = await upload(same_world.ada, same_world.room, ("a.bin", CONTENT))
    reply = await client(same_world.ada).get(f"/files/{info['id']}", headers={"Range": asked})

    assert reply.status == 206
    assert reply.content == CONTENT[start:end]
    assert reply.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert reply.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", ["bytes=1048576-", "bytes=-0", "bytes=99999999-99999999"])
async def test_a_range_outside_of_the_file_is_not_satisfiable(
    client: Clients, upload: Uploads, same_world: World, asked: str
) -> None:
    (info,) = await upload(same_world.ada, same_world.room, ("a.bin", CONTENT))
    reply = await client(same_world.ada).get(f"/files/{info['id']}", headers={"Range": asked})

    assert reply.status == 416
    assert "cache-control" not in reply.headers
    assert reply.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert reply.error_id


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=-", "lines=1-2", "bytes=1-2,4-5", "nonsense", "bytes=a-b"])
async def test_ranges_that_make_no_sense_give_the_whole(
    client: Clients, upload: Uploads, same_world: World, asked: str
) -> None:
    (info,) = await upload(same_world.ada, same_world.room, ("a.bin", CONTENT))
    reply = await client(same_world.ada).get(f"/files/{info['id']}", headers={"Range": asked})

    assert (reply.status, reply.content) == (200, CONTENT)
    assert reply.headers["accept-ranges"] == "bytes"


async def test_a_range_of_an_older_copy_gives_the_whole(client: Clients, upload: Uploads, world: World) -> None:
    (info,) = await upload(world.ada, world.room, ("a.bin", CONTENT))
    path = f"/files/{info['id']}"
    etag = (await client(world.ada).get(path)).headers["etag"]

    same = await client(world.ada).get(path, headers={"Range": "bytes=0-4", "If-Range": etag})
    other = await client(world.ada).get(path, headers={"Range": "bytes=0-4", "If-Range": '"other"'})

    assert (same.status, same.content) == (206, CONTENT[:5])
    assert (other.status, other.content) == (200, CONTENT)


async def test_a_file_of_no_bytes_is_served(client: Clients, upload: Uploads, world: World) -> None:
    (info,) = await upload(world.ada, world.room, ("empty.txt", b""))

    whole = await client(world.ada).get(f"/files/{info['id']}")
    assert (whole.status, whole.content, whole.headers["content-length"]) == (200, b"", "0")
    assert (await client(world.ada).get(f"/files/{info['id']}", headers={"Range": "bytes=0-"})).status == 416


async def test_head_tells_what_get_would_send(client: Clients, upload: Uploads, world: World) -> None:
    (info,) = await upload(world.ada, world.room, ("wide.png", picture((400, 200))))
    for path in ("", "/thumbnail", "/preview"):
        get = await client(world.ada).get(f"/files/{info['id']}{path}")
        head = await client(world.ada).request("HEAD", f"/files/{info['id']}{path}")

        assert (head.status, head.content) == (200, b"")
        for name in ("content-length", "content-type", "etag", "content-disposition"):
            assert head.headers[name] == get.headers[name]


async def test_copies_are_kept_and_asked_for_again(client: Clients, upload: Uploads, world: World) -> None:
    (info,) = await upload(world.ada, world.room, ("a.png", picture((400, 200))))
    for path in ("", "/thumbnail", "/preview"):
        first = await client(world.ada).get(f"/files/{info['id']}{path}")
        again = await client(world.ada).get(
            f"/files/{info['id']}{path}", headers={"If-None-Match": first.headers["etag"]}
        )

        assert first.headers["cache-control"] == "max-age=86400, private"
        assert (again.status, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("name", "kind", "media_type"),
    [
        ("a.png", "inline", "image/png"),
        ("a.mp4", "inline", "video/mp4"),
        ("a.mp3", "inline", "audio/mpeg"),
        ("a.svg", "attachment", "image/svg+xml"),
        ("a.html", "attachment", "text/plain"),
        ("a.HTM", "attachment", "text/plain"),
        ("a.xhtml", "attachment", "text/plain"),
        ("a.xml", "attachment", "text/plain"),
        ("a.js", "attachment", "text/plain"),
        ("a.pdf", "attachment", "application/pdf"),
        ("a.txt", "attachment", "text/plain"),
        ("a.rdf", "attachment", "text/plain"),
        ("a.mjs", "attachment", "text/plain"),
        ("a.unheard", "attachment", "application/octet-stream"),
        ("noending", "attachment", "application/octet-stream"),
    ],
)
async def test_what_browsers_would_run_is_never_shown_inline(
    client: Clients, upload: Uploads, same_world: World, name: str, kind: str, media_type: str
) -> None:
    (info,) = await upload(same_world.ada, same_world.room, (name, b"<script>alert(1)</script>"))
    reply = await client(same_world.ada).get(f"/files/{info['id']}")
    download = await client(same_world.ada).get(f"/files/{info['id']}?download=true")

    assert reply.headers["content-disposition"] == f'{kind}; filename="{name}"'
    assert download.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert reply.headers["content-type"] == media_type
    assert reply.headers["x-content-type-options"] == "nosniff"
    policy = reply.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy


async def test_names_in_any_script_come_back_whole(client: Clients, upload: Uploads, world: World) -> None:
    (info,) = await upload(world.ada, world.room, ('grüße 世界 "x"; a=b.txt', b"text"))
    header = (await client(world.ada).get(f"/files/{info['id']}")).headers["content-disposition"]

    plain, _, starred = header.partition("; filename*=UTF-8''")
    assert unquote(starred) == info["name"]
    assert plain.isascii()
    assert plain.count('"') == 2


async def test_a_file_is_its_uploaders_until_a_post_has_it(
    client: Clients, upload: Uploads, world: World, make: Make
) -> None:
    (info,) = await upload(world.ada, world.room, ("a.png", picture((400, 200))))
    paths = [f"/files/{info['id']}{path}" for path in ("", "/info", "/thumbnail", "/preview", "/link")]

    for path in paths:
        for person in (world.bob, world.carol, make.admin):
            if not path.endswith("/link"):
                assert (await client(person).get(path)).status == 403
        assert (await client().get(path)).status == 401
    await make.post(world.ada, world.room, "look", file_ids=[info["id"]])
    for path in paths[:-1]:
        assert (await client(world.bob).get(path)).status == 200
        assert (await client(world.ada).get(path)).status == 200
        assert (await client(world.carol).get(path)).status == 403
    assert (await client(world.ada).get(f"/files/{'a' * 26}")).error_id == "app.file_info.get.app_error"
    assert (await client(world.ada).get("/files/nonsense")).status == 400


async def test_a_public_link_needs_no_login_but_its_signature(
    client: Clients, upload: Uploads, world: World, make: Make, settings: Settings
) -> None:
    (info,) = await upload(world.ada, world.room, ("a.txt", b"for all"))
    off = await client(world.ada).get(f"/files/{info['id']}/link")
    assert (off.status, off.error_id) == (501, "api.file.get_public_link.disabled.app_error")
    settings(FileSettings={"EnablePublicLink": True}, ServiceSettings={"SiteURL": "https://chat.example.org"})
    loose = await client(world.ada).get(f"/files/{info['id']}/link")
    assert (loose.status, loose.error_id) == (400, "api.file.get_public_link.no_post.app_error")
    post = await make.post(world.ada, world.room, "look", file_ids=[info["id"]])

    link = (await client(world.bob).get(f"/files/{info['id']}/link")).ok()["link"]
    again = (await client(world.ada, node=1).get(f"/files/{info['id']}/link")).ok()["link"]
    assert link == again
    assert link.startswith(f"https://chat.example.org/files/{info['id']}/public?h=")
    path = "/" + link.removeprefix("https://chat.example.org")
    for method, content in (("GET", b"for all"), ("HEAD", b"")):
        reply = await client().request(method, path)
        assert (reply.status, reply.content) == (200, content)
        assert reply.headers["content-length"] == "7"
    for wrong in (path[:-1] + "!", path.partition("?")[0], path.replace(info["id"], "a" * 26)):
        reply = await client().get(wrong)
        assert (reply.status, reply.error_id) == (400, "api.file.get_file.public_invalid.app_error")
    assert (await client(world.carol).get(f"/files/{info['id']}/link")).status == 403

    (await client(world.ada).delete(f"/posts/{post['id']}")).ok()
    assert (await client().get(path)).status == 404
    settings(FileSettings={"EnablePublicLink": False})
    assert (await client().get(path)).status == 501


async def test_a_salt_of_the_settings_signs_links(
    client: Clients, upload: Uploads, world: World, make: Make, settings: Settings
) -> None:
    (info,) = await upload(world.ada, world.room, ("a.txt", b"for all"))
    await make.post(world.ada, world.room, "look", file_ids=[info["id"]])
    links = set()
    for salt in ("", "x" * 32, "y" * 32):
        settings(FileSettings={"EnablePublicLink": True, "PublicLinkSalt": salt})
        links.add((await client(world.ada).get(f"/files/{info['id']}/link")).ok()["link"])

    assert len(links) == 3
