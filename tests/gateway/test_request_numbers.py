"""The numbers that clients give their requests come back in replies, in either encoding."""

import msgspec
import pytest

from server.gateway.actions import Request


@pytest.mark.parametrize("seq", [0, 1, -1, (1 << 63) - 1, -(1 << 63)])
def test_numbers_that_both_encodings_hold_are_taken(seq: int) -> None:
    request = msgspec.json.decode(b'{"seq":%d,"action":"ping"}' % seq, type=Request)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(request.seq)) == seq


@pytest.mark.parametrize("seq", [1 << 63, -(1 << 63) - 1, 10**4000])
def test_numbers_that_no_reply_could_hold_are_no_request(seq: int) -> None:
    with pytest.raises(msgspec.MsgspecError):
        msgspec.json.decode(b'{"seq":%d,"action":"ping"}' % seq, type=Request)
