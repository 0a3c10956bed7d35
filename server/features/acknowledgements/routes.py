"""Acknowledgements over HTTP."""

from server.access.guards import in_service
from server.context import Context
from server.features.acknowledgements import service
from server.features.acknowledgements.models import Acknowledgement
from server.http.router import Router
from server.ids import Id

router = Router("posts")

READS = in_service("self, and who may read the channel of the post")


@router.post("/users/{user_id}/posts/{post_id}/ack", guard=READS)
async def save_acknowledgement_for_post(ctx: Context, user_id: Id, post_id: Id) -> Acknowledgement:
    """Confirm to have seen a post that asks for it."""
    return await service.acknowledge(ctx, user_id, post_id)


@router.delete("/users/{user_id}/posts/{post_id}/ack", guard=READS)
async def delete_acknowledgement_for_post(ctx: Context, user_id: Id, post_id: Id) -> None:
    """Take a confirmation back, within five minutes."""
    await service.take_back(ctx, user_id, post_id)
