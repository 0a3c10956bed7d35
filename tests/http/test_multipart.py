"""Forms with files: what reading them leaves behind."""

import contextlib
import gc
import weakref
from collections.abc import AsyncIterator

import pytest

from server.errors import BadRequest
from server.http.multipart import parts_of
from tests.waiting import until_gone

TYPE = "multipart/form-data; boundary=B"
PART = b'--B\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nsome\r\n'


async def body(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.mark.parametrize("end", [b"--B--\r\n", b""], ids=["whole", "broken off"])
async def test_a_form_that_was_read_is_gone_at_once(end: bytes) -> None:
    """Not when the collector comes by, which is seldom."""
    sent = body(PART + end)
    left = weakref.ref(sent)

    async def read(form: AsyncIterator[bytes]) -> list[bytes]:
        return [b"".join([chunk async for chunk in part.content]) async for part in parts_of(TYPE, form)]

    gc.disable()
    try:
        with contextlib.suppress(BadRequest):
            assert await read(sent) == [b"some"]
        del sent

        async def is_left() -> bool:
            return left() is not None

        await until_gone(is_left)  # generators that were not read to their end are closed by the loop, in a few turns
    finally:
        gc.enable()
