"""Uploading files: forms and bodies, limits, names, and who may."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients_of import Client
from tests.features.files.uploading import Uploads, World, stored
from tests.make import Make

Clients = Callable[..., Client]
Settings = Callable[..., None]


async def test_a_form_with_several_files_is_answered_in_its_order(
    client: Clients, upload: Uploads, world: World
) -> None:
    files = [("notes.TXT", b"one"), ("data.bin", b"\0\1\2"), ("empty.md", b"")]
    reply = await upload.form(
        world.ada, [("channel_id", world.room.id), *(("client_ids", f"c{n}") for n in range(3))], files
    )

    body = reply.ok(201)
    assert body["client_ids"] == ["c0", "c1", "c2"]
    first = body["file_infos"][0]
    assert first == {
        "id": first["id"],
        "user_id": world.ada.id,
        "channel_id": world.room.id,
        "create_at": first["create_at"],
        "update_at": first["create_at"],
        "delete_at": 0,
        "name": "notes.TXT",
        "extension": "txt",
        "size": 3,
        "mime_type": "text/plain",
        "mini_preview": None,
        "remote_id": "",
        "archived": False,
    }
    assert [(info["name"], info["size"]) for info in body["file_infos"]] == [
        ("notes.TXT", 3),
        ("data.bin", 3),
        ("empty.md", 0),
    ]
    for info, (_, content) in zip(body["file_infos"], files, strict=True):
        assert (await client(world.ada, node=1).get(f"/files/{info['id']}")).content == content
        assert (await client(world.ada).get(f"/files/{info['id']}/info")).ok() == info


async def test_the_channel_may_come_after_the_files_or_in_the_query(
    client: Clients, upload: Uploads, world: World
) -> None:
    after = await upload.form(world.ada, [], [("a.txt", b"a")], after=[("channel_id", world.room.id)])
    query = await client(world.ada).request(
        "POST", f"/files?channel_id={world.room.id}", files=[("files", ("a.txt", b"a"))]
    )

    assert after.ok(201)["file_infos"][0]["channel_id"] == world.room.id
    assert query.ok(201)["file_infos"][0]["channel_id"] == world.room.id


async def test_a_file_can_be_the_whole_body(client: Clients, world: World) -> None:
    content = bytes(range(256)) * 3000
    reply = await client(world.ada).post(f"/files?channel_id={world.room.id}&filename=raw%20file.bin", content)

    body = reply.ok(201)
    (info,) = body["file_infos"]
    assert (info["name"], info["size"], body["client_ids"]) == ("raw file.bin", len(content), [])
    assert (await client(world.ada).get(f"/files/{info['id']}")).content == content


async def test_only_who_may_upload_does_and_nothing_is_left_of_the_others(
    client: Clients, upload: Uploads, world: World, store: Path
) -> None:
    early = await upload.form(world.carol, [("channel_id", world.room.id)], [("a.txt", b"a")])
    late = await upload.form(world.carol, [], [("a.txt", b"a")], after=[("channel_id", world.room.id)])
    raw = await client(world.carol).post(f"/files?channel_id={world.room.id}&filename=a.txt", b"a")

    for reply in (early, late, raw):
        assert (reply.status, reply.error_id) == (403, "api.context.permissions.app_error")
    assert (await client().post(f"/files?channel_id={world.room.id}&filename=a.txt", b"a")).status == 401
    assert stored(store) == []


@pytest.mark.parametrize("size", [1001, 200_000])
async def test_a_file_over_the_limit_is_refused_and_nothing_is_left(
    client: Clients, upload: Uploads, world: World, settings: Settings, store: Path, size: int
) -> None:
    settings(FileSettings={"MaxFileSize": 1000})
    form = await upload.form(
        world.ada, [("channel_id", world.room.id)], [("good.txt", b"x" * 1000), ("large.txt", b"x" * size)]
    )
    raw = await client(world.ada).post(f"/files?channel_id={world.room.id}&filename=a.txt", b"x" * size)

    for reply in (form, raw):
        assert (reply.status, reply.error_id) == (413, "api.file.upload_file.too_large_detailed.app_error")
    assert stored(store) == []
    assert len(await upload(world.ada, world.room, ("good.txt", b"x" * 1000))) == 1


async def test_uploads_can_be_switched_off(client: Clients, upload: Uploads, world: World, settings: Settings) -> None:
    settings(FileSettings={"EnableFileAttachments": False})
    new = {"channel_id": world.room.id, "filename": "a.txt", "file_size": 3}

    for reply in (
        await upload.form(world.ada, [("channel_id", world.room.id)], [("a.txt", b"a")]),
        await client(world.ada).post("/uploads", new),
    ):
        assert (reply.status, reply.error_id) == (501, "api.file.attachments.disabled.app_error")


@pytest.mark.parametrize(
    ("fields", "files", "error_id"),
    [
        (["channel"], [], "api.file.upload_file.incorrect_number_of_files.app_error"),
        (["channel"], ["a"] * 11, "api.file.upload_file.incorrect_number_of_files.app_error"),
        ([], ["a"], "api.context.invalid_body_param.app_error"),
        (["channel", "other"], ["a"], "api.file.upload_file.multiple_channel_ids.app_error"),
        (["channel", "client"], ["a", "b"], "api.file.upload_file.incorrect_number_of_client_ids.app_error"),
    ],
)
async def test_forms_that_make_no_sense_are_refused(
    make: Make, upload: Uploads, same_world: World, store: Path, fields: list[str], files: list[str], error_id: str
) -> None:
    other = await make.channel(same_world.team, [same_world.ada])
    known = {
        "channel": ("channel_id", same_world.room.id),
        "other": ("channel_id", other.id),
        "client": ("client_ids", "one"),
    }
    given = [known[field] for field in fields]
    if not files:
        given.append(("note", "x"))
    reply = await upload.form(same_world.ada, given, [(f"{name}.txt", b"text") for name in files])

    assert (reply.status, reply.error_id) == (400, error_id)
    assert stored(store) == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"nonsense"),
        ("multipart/form-data; boundary=" + "x" * 500, b"--x--"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nhalf',
        ),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="\xff\xfe.txt"\r\n\r\nv\r\n--x--\r\n',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="a\0.txt"\r\n\r\nv\r\n--x--\r\n',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="v"\r\n\r\nv\r\n' * 100 + b"--x--\r\n",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="client_ids"\r\n\r\n' + b"v" * 5000 + b"\r\n--x--\r\n",
        ),
    ],
)
async def test_broken_forms_are_refused(
    client: Clients, same_world: World, store: Path, content_type: str, body: bytes
) -> None:
    path = f"/files?channel_id={same_world.room.id}"
    reply = await client(same_world.ada).post(path, body, headers={"content-type": content_type})

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert stored(store) == []


@pytest.mark.parametrize("name", ["..", ".", "%2e%2e", "a/..", "a%00b", "%0d%0a", "", "x" * 256, "%ff", "x" * 1900])
async def test_names_that_are_none_are_refused(client: Clients, same_world: World, store: Path, name: str) -> None:
    reply = await client(same_world.ada).post(f"/files?channel_id={same_world.room.id}&filename={name}", b"text")

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert stored(store) == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("C:%5Cdir%5Cphoto.txt", "photo.txt"),
        ("line%0D%0ASet-Cookie: a.txt", "lineSet-Cookie: a.txt"),
        ("photo%E2%80%AEgpj.exe", "photogpj.exe"),
        ("grüße 世界 😀.txt", "grüße 世界 😀.txt"),
        ('a"b;c.txt', 'a"b;c.txt'),
        ("x" * 251 + ".txt", "x" * 251 + ".txt"),
    ],
)
async def test_names_are_kept_as_far_as_they_are_safe(
    client: Clients, same_world: World, given: str, kept: str
) -> None:
    reply = await client(same_world.ada).post(f"/files?channel_id={same_world.room.id}&filename={given}", b"text")
    (info,) = reply.ok(201)["file_infos"]

    assert info["name"] == kept
    shown = await client(same_world.ada).get(f"/files/{info['id']}")
    assert shown.headers["content-disposition"].startswith("attachment; filename=")
    assert "set-cookie" not in shown.headers
