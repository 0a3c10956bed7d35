"""Plans the previews of posts with links, when they are written and when they lead elsewhere."""

from collections.abc import Sequence

from server.config import Config
from server.context import Change, Context
from server.features.posts.change_service import EDITED
from server.features.posts.followups import FOLLOWUPS, Upcoming
from server.features.posts.links import links_of
from server.features.posts.models import SYSTEM_PREFIX, StoredPost
from server.features.posts.permalinks import PROP
from server.features.previews.models import FetchPreviews


def _wants_preview(config: Config, message: str, props: object) -> bool:
    known = props if isinstance(props, dict) else {}
    return PROP in known or (config.ServiceSettings.EnableLinkPreviews and bool(links_of(message, known)))


async def plan_previews(ctx: Context, upcoming: Upcoming) -> Sequence[FetchPreviews]:
    """A job for a post that leads somewhere."""
    if upcoming.type.startswith(SYSTEM_PREFIX) or not _wants_preview(ctx.config, upcoming.message, upcoming.props):
        return ()
    return (FetchPreviews(post_id=upcoming.id),)


async def post_edited(ctx: Context, tx: Change, before: StoredPost, after: StoredPost) -> None:
    """The same when a changed post leads elsewhere than before, or to another post.

    What everyone hears of a change does not show that post, so those who may read it are told anew.
    """
    same = PROP not in after.props and links_of(before.message, before.props) == links_of(after.message, after.props)
    if not same and _wants_preview(ctx.config, after.message, after.props):
        tx.enqueue(FetchPreviews(post_id=after.id))


def listen() -> None:
    """Hear of posts from now on; a second call changes nothing."""
    if plan_previews not in FOLLOWUPS:
        FOLLOWUPS.append(plan_previews)
    if post_edited not in EDITED:
        EDITED.append(post_edited)
