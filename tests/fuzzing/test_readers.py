"""Files with faults: each is read, or refused, in time; what reads it ends with it, and not the node."""

import asyncio
import io
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from server.config.operation import FileSection
from server.errors import ApiError
from server.features.bots.icons import is_svg
from server.features.previews.pictures import picture_in
from server.storage.blobs import Blobs
from server.storage.previews import SECONDS, Previews
from server.storage.texts import Texts
from tests.features.search.test_files import docx, pdf, zipped
from tests.fuzzing.mutations import CHANGES, mutated
from tests.profiles import seconds, tries

PIXELS = 1_000_000
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


def picture(form: str, mode: str = "RGB", exif: bytes = b"") -> bytes:
    """A small picture of many colours; a GIF moves."""
    made = Image.effect_noise((24, 17), 60).convert(mode)
    out = io.BytesIO()
    more = {"save_all": True, "append_images": [made.rotate(90)]} if form == "GIF" else {}
    made.save(out, form, **more, **({"exif": exif} if exif else {}))
    return out.getvalue()


PICTURES = {
    "png": picture("PNG"),
    "palette": picture("PNG", "P"),
    "jpeg": picture("JPEG", exif=TURNED),
    "cmyk": picture("JPEG", "CMYK"),
    "gif": picture("GIF", "P"),
    "webp": picture("WEBP"),
    "bmp": picture("BMP"),
}

FILES = {
    "pdf": pdf("some words"),
    "docx": docx("some words"),
    "odt": zipped(content_xml="<d><p>some words</p></d>"),
    "zip": zipped(a_txt="some words", b_zip=zipped(c_docx=docx("more"))),
    "txt": b"some words",
}


@given(st.sampled_from(sorted(PICTURES)), CHANGES)
@tries(400)
@pytest.mark.timeout(seconds(120))
def test_the_head_of_any_picture_is_read(kind: str, changes: list[tuple[str, int, int, int]]) -> None:
    picture_in(mutated(PICTURES[kind], changes))


@given(st.binary(max_size=120), CHANGES)
@example(TURNED, [])
@tries(200)
@pytest.mark.timeout(seconds(120))
def test_any_facts_beside_a_picture_are_read(facts: bytes, changes: list[tuple[str, int, int, int]]) -> None:
    for written in (facts, b"Exif\0\0" + facts, mutated(TURNED, changes)):
        head = b"\xff\xd8\xff\xe1" + (len(written) + 2).to_bytes(2) + written
        picture_in(head + PICTURES["jpeg"][2:])


DRAWN = st.sampled_from(("<svg", ">", "</svg>", "<g>", "<!DOCTYPE", "&a;", " x=''"))


@given(st.binary(max_size=100) | st.lists(DRAWN).map(lambda parts: "".join(parts).encode()))
@tries(300)
def test_any_drawing_is_read(content: bytes) -> None:
    is_svg(content)


def gathered(examples: int, kinds: list[str]) -> list[tuple[str, list[tuple[str, int, int, int]]]]:
    """What hypothesis thinks of, the same each time unless the profile is another one."""
    found: list[tuple[str, list[tuple[str, int, int, int]]]] = []

    @given(st.sampled_from(kinds), CHANGES)
    @tries(examples)
    def gather(kind: str, changes: list[tuple[str, int, int, int]]) -> None:
        found.append((kind, changes))

    gather()
    return found


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """A store of this test alone."""
    return Blobs(lambda: FileSection(Directory=str(tmp_path)))


@pytest.fixture
async def previews(blobs: Blobs) -> AsyncIterator[Previews]:
    """What makes small pictures."""
    previews = Previews(blobs, lambda: 2)
    yield previews
    await previews.stop()


@pytest.fixture
async def texts(blobs: Blobs) -> AsyncIterator[Texts]:
    """What reads files."""
    texts = Texts(blobs)
    yield texts
    await texts.stop()


@pytest.mark.timeout(seconds(120))
async def test_pictures_with_faults_are_made_small_or_refused(blobs: Blobs, previews: Previews) -> None:
    ends = []

    async def read(number: int, kind: str, changes: list[tuple[str, int, int, int]]) -> None:
        content = mutated(PICTURES[kind], changes)
        started = time.monotonic()
        try:
            if number % 3 == 0:
                await blobs.write(f"{number}", content)
                made = await previews.make(f"{number}", f"{number}t", f"{number}p", PIXELS)
                ends.append("made" if made is not None and made.made else "none")
            else:
                small = await (previews.square(content, 64, PIXELS) if number % 3 == 1 else previews.emoji(content))
                assert picture_in(small) is not None
                ends.append("made")
        except ApiError as error:
            assert error.status == 400
            ends.append("refused")
        assert time.monotonic() - started < SECONDS * 3

    cases = [("png", []), ("jpeg", []), ("gif", []), *gathered(14, sorted(PICTURES))]
    for start in range(0, len(cases), 2):
        await asyncio.gather(*(read(start + at, *case) for at, case in enumerate(cases[start : start + 2])))

    assert len(ends) == len(cases)
    assert ends[:3] == ["made"] * 3


@pytest.mark.timeout(seconds(120))
async def test_texts_of_files_with_faults_are_read_or_none(blobs: Blobs, texts: Texts) -> None:
    async def read(number: int, kind: str, changes: list[tuple[str, int, int, int]]) -> str:
        await blobs.write(f"{number}", mutated(FILES[kind], changes))
        started = time.monotonic()
        text = await texts.read(f"{number}", kind, seconds=20, archives=True)
        assert time.monotonic() - started < 90
        return text

    for number, kind in enumerate(FILES):
        assert "words" in await read(number, kind, [])
    cases = gathered(14, sorted(FILES))
    for start in range(0, len(cases), 2):
        await asyncio.gather(*(read(start + at, *case) for at, case in enumerate(cases[start : start + 2])))
