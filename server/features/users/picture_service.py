"""Pictures of people: uploaded ones in the store of files, generated ones for everybody else."""

from server.context import Context
from server.features.users import queries
from server.features.users.avatars import SIDE, avatar
from server.features.users.lookup import no_such_user
from server.features.users.models import User
from server.features.users.news import tell_updated
from server.features.users.service import editable_user
from server.storage.blobs import Blobs
from server.storage.previews import Previews


def place(user_id: str) -> str:
    """Where the picture of a user lies in the store of files."""
    return f"users/{user_id}/profile.png"


def _blobs(ctx: Context) -> Blobs:
    blobs: Blobs = ctx.part(Blobs)
    return blobs


async def picture_of(ctx: Context, user: User) -> tuple[bytes, str]:
    """The picture of a user, a PNG, and its ETag: "" for a generated one."""
    if user.last_picture_update > 0:
        stored = await _blobs(ctx).read(place(user.id))
        if stored is not None:
            return stored, str(user.last_picture_update)
    return await avatar(user.id, user.username), ""


async def set_picture(ctx: Context, user_id: str, content: bytes) -> None:
    """Make an uploaded picture that of a user; raises BadRequest for what is none."""
    await editable_user(ctx, ctx.db, user_id)
    previews: Previews = ctx.part(Previews)
    small = await previews.square(content, SIDE, ctx.config.FileSettings.MaxImageResolution)
    await _blobs(ctx).write(place(user_id), small)
    await _store(ctx, user_id, ctx.now())


async def reset_picture(ctx: Context, user_id: str) -> None:
    """Give a user the generated picture again."""
    await _store(ctx, user_id, -ctx.now())
    await _blobs(ctx).delete(place(user_id))


async def _store(ctx: Context, user_id: str, last_picture_update: int) -> None:
    async with ctx.begin() as tx:
        await editable_user(ctx, tx, user_id)
        user = await queries.set_picture(tx, user_id, last_picture_update, ctx.now())
        if user is None:
            raise no_such_user()
        await tell_updated(ctx, tx, user)
