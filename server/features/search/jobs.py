"""What is done about searching aside: reading the texts of files, and noting what is not noted yet."""

import asyncio
from random import random

from server.context import Context
from server.features.files import places
from server.features.files.queries import file_by_id
from server.features.search import queries
from server.features.search.models import ReadText
from server.features.search.terms import file_terms, terms_of
from server.jobs.handlers import Jobs
from server.storage.texts import Texts

BATCH = 500
PASSES = 200
"""Batches in one go."""

jobs = Jobs()


@jobs.on(ReadText)
async def read_text(ctx: Context, job: ReadText) -> None:
    """Read a file and note its words."""
    texts: Texts = ctx.part(Texts)
    settings = ctx.config.FileSettings
    file = await file_by_id(ctx.db, job.file_id)
    if file is None or not settings.ExtractContent:
        return
    if not texts.free:
        # Others than readers of files need the places of jobs, too.
        async with ctx.begin() as tx:
            tx.enqueue(ReadText(file_id=job.file_id, after=int(1000 + 4000 * random())))  # noqa: S311 - spreads them
        return
    text = await texts.read(
        places.original(file.info.id),
        file.info.extension,
        seconds=max(1, min(settings.ExtractContentTimeout, 120)),
        archives=settings.ArchiveRecursion,
    )
    if text.strip():
        terms = await asyncio.to_thread(file_terms, file.info.name, text)
        await queries.set_file_terms(ctx.db, {file.info.id: terms})


@jobs.every(10)
async def take_in_terms(ctx: Context) -> None:
    """Take what was noted lately into the indexes."""
    await queries.take_in(ctx.db)


@jobs.every(60)
async def note_older_posts(ctx: Context) -> None:
    """Note the posts that were written before searching was there, or by a node that does not know of it."""
    for _ in range(PASSES):
        posts = await queries.unknown_posts(ctx.db, BATCH)
        if posts:
            unknown = [post for post in posts if not post.done]
            await queries.insert_terms(ctx.db, unknown, [terms_of(post.message) for post in unknown])
            await queries.move_on(ctx.db, posts[-1].id)
        if len(posts) < BATCH:
            await queries.end_noting(ctx.db, ctx.now())
            return
