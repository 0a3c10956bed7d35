"""Trigger ids: good for a moment, for the user whom they name, on every node; nothing made elsewhere is."""

import base64
from collections.abc import Callable

import pytest

from server.access.trigger_ids import make_trigger_id, read_trigger_id
from server.context import Context, Session, request_context
from server.errors import BadRequest
from server.ids import new_id
from tests.nodes import TestNode

LASTS_MS = 3000
"""What the tests say of how old one may be."""


def _as(node: TestNode, user_id: str) -> Context:
    session = Session(
        id=new_id(),
        user_id=user_id,
        create_at=0,
        expires_at=0,
        last_activity_at=0,
        device_id="",
        is_oauth=False,
        props={},
        roles="system_user",
        is_bot=False,
    )
    return request_context(node.services, session)


async def test_another_node_reads_who_was_there(two_nodes: tuple[TestNode, TestNode]) -> None:
    user_id = new_id()

    client_id, trigger_id = await make_trigger_id(_as(two_nodes[0], user_id))

    assert await read_trigger_id(request_context(two_nodes[1].services), trigger_id, max_age_ms=LASTS_MS) == (
        client_id,
        user_id,
    )


async def test_it_lasts_a_moment_only(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = _as(node, new_id())
    client_id, trigger_id = await make_trigger_id(ctx)
    made = ctx.now()

    monkeypatch.setattr(Context, "now", lambda _: made + 2900)
    assert (await read_trigger_id(ctx, trigger_id, max_age_ms=LASTS_MS))[0] == client_id
    monkeypatch.setattr(Context, "now", lambda _: made + 3100)
    with pytest.raises(BadRequest) as refused:
        await read_trigger_id(ctx, trigger_id, max_age_ms=LASTS_MS)

    assert refused.value.id == "interactive_message.decode_trigger_id.expired"
    assert (await read_trigger_id(ctx, trigger_id, max_age_ms=5000))[0] == client_id


def _for_another(text: str) -> str:
    client_id, _, made, signature = text.split(":")
    return f"{client_id}:{new_id()}:{made}:{signature}"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_for_another, "verify_signature_failed"),
        (lambda text: text[:-64] + "0" * 64, "verify_signature_failed"),
        (lambda text: text.rpartition(":")[0], "missing_data"),
        (lambda text: "a:b:c:d", "missing_data"),
        (lambda text: "", "missing_data"),
        (lambda text: text + ":é", "base64_decode_failed"),
    ],
    ids=["another user", "another signature", "no signature", "no ids", "nothing", "not ASCII"],
)
async def test_what_was_not_signed_here_is_refused(node: TestNode, change: Callable[[str], str], reason: str) -> None:
    ctx = _as(node, new_id())
    _, trigger_id = await make_trigger_id(ctx)
    changed = change(base64.urlsafe_b64decode(trigger_id).decode())

    with pytest.raises(BadRequest) as refused:
        await read_trigger_id(ctx, base64.urlsafe_b64encode(changed.encode()).decode(), max_age_ms=LASTS_MS)

    assert refused.value.id == f"interactive_message.decode_trigger_id.{reason}"


@pytest.mark.parametrize("text", ["%%%", "a", "ü", "AAAA=A"], ids=["signs", "short", "umlaut", "padding"])
async def test_what_is_no_trigger_id_is_refused(node: TestNode, text: str) -> None:
    with pytest.raises(BadRequest):
        await read_trigger_id(request_context(node.services), text, max_age_ms=LASTS_MS)
