"""Searching files by their names and by the texts in them, and what becomes of files that are traps."""

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from server.db import SQL
from tests.features.search.test_posts import word, world
from tests.make import Make, Person, Thing
from tests.waiting import until, until_gone

DOCUMENT = (
    '<?xml version="1.0"?><w:document xmlns:w="urn:w"><w:body><w:p><w:r><w:t>{first}</w:t></w:r></w:p>'
    "<w:p><w:r><w:t>sec</w:t></w:r><w:r><w:t>ond</w:t></w:r></w:p></w:body></w:document>"
)
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "{first}"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><d><p>&b;</p></d>'
)


def zipped(**members: str | bytes) -> bytes:
    """A ZIP archive; names with __ for a slash and _ for the dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return out.getvalue()


def docx(text: str, form: str = DOCUMENT) -> bytes:
    """A document of a word processor."""
    return zipped(word__document_xml=form.replace("{first}", text))


def pdf(text: str, password: str = "") -> bytes:
    """A PDF with one line."""
    writer = PdfWriter()
    page = writer.add_blank_page(300, 300)
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    stream = DecodedStreamObject()
    stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
    page[NameObject("/Contents")] = writer._add_object(stream)
    if password:
        writer.encrypt(password)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


async def upload(client: Any, author: Person, channel: Thing, name: str, content: bytes) -> str:
    """A file that is in no post yet."""
    reply = await client(author).request(
        "POST", "/files", params={"channel_id": channel.id, "filename": name}, body=content
    )
    return str(reply.ok(201)["file_infos"][0]["id"])


async def share(client: Any, author: Person, channel: Thing, name: str, content: bytes = b"x") -> str:
    """A file in a post."""
    file_id = await upload(client, author, channel, name, content)
    body = {"channel_id": channel.id, "message": "", "file_ids": [file_id]}
    (await client(author).post("/posts", body)).ok(201)
    return file_id


async def found(client: Any, reader: Person, terms: str, team: Thing | None = None, **options: Any) -> list[str]:
    """The names of the files that a search finds, newest first."""
    path = f"/teams/{team.id}/files/search" if team else "/files/search"
    body = (await client(reader).post(path, {"terms": terms, "is_or_search": False, **options})).ok()
    assert set(body["order"]) == set(body["file_infos"])
    return [body["file_infos"][file_id]["name"] for file_id in body["order"]]


async def soon(client: Any, reader: Person, terms: str, names: list[str]) -> None:
    """Wait until the text of a file was read by a job."""

    async def is_found() -> bool:
        return await found(client, reader, terms) == names

    await until(is_found)


async def read(node: Any) -> None:
    """Wait until no job waits to read a file."""
    await until_gone(lambda: node.services.db.value(WAITING), "a file is still to be read")


WAITING = SQL("SELECT count(*) FROM jobs WHERE name = 'search.read_text' AND failed_at = 0")
FAILED = SQL("""
    SELECT count(*) FROM jobs
     WHERE name = 'search.read_text' AND (failed_at > 0 OR error <> '') AND payload ->> 'file_id' = $1
""")


async def test_names_are_found_by_any_part(make: Make, client: Any) -> None:
    ada, bob, team, town = await world(make)
    w = word()
    await share(client, ada, town, f"Quarterly-Report_{w}.PDF")
    await share(client, bob, town, f"東京の写真{w}.png")

    for terms in (w, f"quarter {w}", f"arterly {w}", f"report {w}", f"{w}.pdf", f"ext:pdf {w}", f"EXT: .pdf {w}",
                  f"{w[:4]}* ext:pdf", f"ext:pdf in:{town.name}", f"from:{ada.username} {w}", f"{w} -png"):  # fmt: skip
        assert f"Quarterly-Report_{w}.PDF" in await found(client, bob, terms, team), terms
    assert await found(client, bob, f"{w} 京の", team) == [f"東京の写真{w}.png"]
    assert await found(client, bob, f"{w} -ext:pdf", team) == [f"東京の写真{w}.png"]
    assert await found(client, bob, w, team) == [f"東京の写真{w}.png", f"Quarterly-Report_{w}.PDF"]
    assert await found(client, bob, w, team, per_page=1, page=1) == [f"Quarterly-Report_{w}.PDF"]
    assert await found(client, bob, f"{w} annual", team) == []


async def test_the_answer_has_the_shape_that_clients_know(make: Make, client: Any) -> None:
    ada, _, team, town = await world(make)
    w = word()
    file_id = await share(client, ada, town, f"{w}.bin")

    body = (await client(ada).post(f"/teams/{team.id}/files/search", {"terms": w})).ok()

    assert body == {
        "order": [file_id],
        "file_infos": {file_id: (await client(ada).get(f"/files/{file_id}/info")).ok()},
        "next_file_info_id": "",
        "prev_file_info_id": "",
        "first_inaccessible_file_time": 0,
    }


async def test_only_files_of_posts_that_may_be_read_are_found(make: Make, client: Any) -> None:
    ada, bob, team, town = await world(make)
    eve = await make.user()
    await make.join_team(team, eve)
    w = word()
    await upload(client, ada, town, f"loose {w}.txt", b"x")
    post = (await client(ada).get(f"/files/{await share(client, ada, town, f'{w}.txt')}/info")).ok()["post_id"]

    assert await found(client, ada, w) == await found(client, bob, w, team) == [f"{w}.txt"]
    assert await found(client, eve, w) == await found(client, eve, f"{w} in:{town.name}", team) == []
    assert (await client(await make.user()).post(f"/teams/{team.id}/files/search", {"terms": w})).status == 403
    (await client(ada).delete(f"/posts/{post}")).ok()
    assert await found(client, ada, w) == []


async def test_what_is_moved_is_found_where_it_is(make: Make, client: Any) -> None:
    ada, bob, team, town = await world(make)
    other = await make.channel(team, [ada, make.admin], type="P")
    w = word()
    file_id = await upload(client, ada, town, f"{w}.txt", b"x")
    body = {"channel_id": town.id, "message": f"text {w}", "file_ids": [file_id]}
    post = (await client(ada).post("/posts", body)).ok(201)
    assert await found(client, bob, w) == [f"{w}.txt"]

    (await client(make.admin).post(f"/channels/{town.id}/members", {"user_id": make.admin.id})).ok(201)
    (await client(make.admin).post(f"/posts/{post['id']}/move", {"channel_id": other.id})).ok()

    for path in ("files", "posts"):
        assert (await client(bob).post(f"/{path}/search", {"terms": w})).ok()["order"] == []
        assert len((await client(ada).post(f"/{path}/search", {"terms": f"{w} in:{other.name}"})).ok()["order"]) == 1


@pytest.mark.parametrize(
    ("name", "make_content"),
    [
        ("note.txt", lambda text: f"one {text} second".encode()),
        ("note.md", lambda text: f"# one\n\n*{text}*, second".encode("utf-16")),
        ("paper.pdf", lambda text: pdf(f"one {text} second")),
        ("paper.docx", docx),
        ("names.zip", lambda text: zipped(**{f"second {text}_bin": b"\0"})),
    ],
)
async def test_texts_of_files_are_found(make: Make, client: Any, name: str, make_content: Any) -> None:
    ada, _, _, town = await world(make)
    w = word()
    await share(client, ada, town, name, make_content(w))

    await soon(client, ada, f"{w} second", [name])
    assert await found(client, ada, f"{w} third") == []
    assert await found(client, ada, f"{w} ext:exe") == []


async def test_archives_are_looked_into_on_demand(make: Make, client: Any, settings: Any, node: Any) -> None:
    ada, _, _, town = await world(make)
    w = word()
    inner = zipped(note_txt=w, paper_docx=docx(f"{w}deep"), broken_pdf=b"%PDF-1.7 nothing")
    await share(client, ada, town, "outer.zip", zipped(inner_zip=inner))
    await read(node)
    assert await found(client, ada, w) == []

    settings(FileSettings={"ArchiveRecursion": True})
    await share(client, ada, town, "again.zip", zipped(inner_zip=inner))

    await soon(client, ada, f"{w} {w}deep", ["again.zip"])


def _bomb() -> bytes:
    """An archive that says that its document is small, and has a gigabyte in it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    # What comes after a full flush looks back at nothing, so a part may be repeated as it is.
    part = packer.compress(b"a " * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = part * 512 + packer.flush()
    content = bytearray(zipped(word__document_xml=b"tiny"))
    size = len(zipfile.ZipFile(io.BytesIO(content)).infolist()[0].FileHeader())
    return bytes(content[:size]) + packed + bytes(content[size:])


@pytest.mark.parametrize(
    ("name", "make_content"),
    [
        ("locked.pdf", lambda: pdf("lockedtext", password="secret")),
        ("broken.pdf", lambda: b"%PDF-1.7\n" + b"\xff" * 5000),
        ("empty.pdf", lambda: b""),
        ("bomb.docx", lambda: docx("bombtext", BOMB)),
        ("large.docx", lambda: docx("bombtext " * 6_000_000)),
        ("lying.docx", _bomb),
        ("cut.docx", lambda: docx("cuttext")[:-30]),
        ("none.zip", lambda: b"PK\x05\x06"),
        ("zeros.txt", lambda: b"zerotext \0\0\0\0"),
        ("nested.docx", lambda: b'<?xml version="1.0"?>' + b"<p>" * 10_000),
    ],
)
async def test_traps_have_no_text_and_harm_nobody(
    make: Make, client: Any, node: Any, name: str, make_content: Callable[[], bytes]
) -> None:
    ada, _, _, town = await world(make)
    file_id = await share(client, ada, town, name, make_content())

    await read(node)

    assert await node.services.db.value(FAILED, file_id) == 0
    assert await found(client, ada, f"in:{town.name}") == [name]
    for text in ("lockedtext", "bombtext", "zerotext"):
        assert await found(client, ada, text) == []


async def test_texts_are_left_alone_on_demand(make: Make, client: Any, settings: Any, node: Any) -> None:
    settings(FileSettings={"ExtractContent": False})
    ada, _, _, town = await world(make)
    w = word()
    await share(client, ada, town, f"name{w}.txt", f"text{w}".encode())
    await read(node)

    assert await found(client, ada, f"name{w}") == [f"name{w}.txt"]
    assert await found(client, ada, f"text{w}") == []
