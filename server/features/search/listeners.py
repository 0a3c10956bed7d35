"""Keeps terms up with changes: an edited post is found by its new text, an uploaded file by its name and text."""

from collections.abc import Sequence

from server.context import Change, Context
from server.features.files.models import StoredFile
from server.features.files.service import KEPT
from server.features.posts.change_service import EDITED
from server.features.posts.models import StoredPost
from server.features.search import queries
from server.features.search.models import ReadText
from server.features.search.terms import file_terms, terms_of
from server.storage.texts import READABLE


async def post_edited(ctx: Context, tx: Change, before: StoredPost, after: StoredPost) -> None:
    """A post says something else from now on."""
    if before.message != after.message:
        await queries.set_terms(tx, after, terms_of(after.message))


async def files_kept(ctx: Context, tx: Change, files: Sequence[StoredFile]) -> None:
    """Files were uploaded."""
    infos = [file.info for file in files]
    await queries.set_file_terms(tx, {info.id: file_terms(info.name) for info in infos})
    if ctx.config.FileSettings.ExtractContent:
        tx.enqueue(*(ReadText(file_id=info.id) for info in infos if info.extension in READABLE))


def listen() -> None:
    """Hear of posts and files from now on; a second call changes nothing."""
    if post_edited not in EDITED:
        EDITED.append(post_edited)
    if files_kept not in KEPT:
        KEPT.append(files_kept)
