"""Refusals: what answering them leaves behind."""

import gc
from collections.abc import Callable

import pytest

from server.errors import ApiError
from tests.clients_of import Client
from tests.make import Make


def refusals(status: int) -> int:
    """How many errors of this status somebody still has, or nobody but themselves."""
    # Not isinstance: there may be proxies of what is gone, which can't be asked for their class.
    return sum(issubclass(type(each), ApiError) and each.status == status for each in gc.get_objects())


@pytest.mark.parametrize("status", [401, 405, 416])
async def test_a_refusal_is_gone_once_it_is_answered(status: int, make: Make, client: Callable[..., Client]) -> None:
    """Not when the collector comes by, which is seldom: with it go the request and all that it held."""
    ada = await make.user()
    channel = await make.channel(await make.team(members=[ada]), members=[ada])
    uploaded = await client(ada).post(f"/files?channel_id={channel.id}&filename=a.txt", b"hello")
    (file,) = uploaded.ok(201)["file_infos"]
    wrong = {"login_id": ada.username, "password": "Not1ofmine!"}
    method, path, body = {
        401: ("POST", "/users/login", wrong),
        405: ("DELETE", "/system/ping", None),
        416: ("GET", f"/files/{file['id']}", None),
    }[status]

    gc.disable()
    try:
        before = refusals(status)
        for _ in range(5):
            reply = await client(ada).request(method, path, body, headers={"range": "bytes=100-200"})
            assert reply.status == status

        assert refusals(status) <= before
    finally:
        gc.enable()
