"""Putting terms of service in force, and what people answer to them."""

from msgspec.structs import replace

from server.config.client import client_config
from server.context import Context
from server.errors import BadRequest, NotFound
from server.features.system.events import ClientConfigChanged
from server.features.system.store import ConfigStore
from server.features.terms import queries
from server.features.terms.models import TermsAnswer, TermsOfService, UserTermsOfService
from server.features.users.models import User
from server.ids import new_id


def no_such_terms() -> NotFound:
    """404 for a text that is not there."""
    return NotFound("app.terms_of_service.get.no_rows.app_error", "There are no such terms of service.")


async def newest(ctx: Context) -> TermsOfService:
    """The text in force; raises NotFound."""
    terms = await queries.newest(ctx.db)
    if terms is None:
        raise no_such_terms()
    return terms


async def create(ctx: Context, text: str) -> TermsOfService:
    """Put a text in force; the same once more changes nothing."""
    if not text.strip():
        raise BadRequest("api.create_terms_of_service.empty_text.app_error", "The terms need a text.")
    old = await queries.newest(ctx.db)
    if old is not None and old.text == text:
        return old
    terms = TermsOfService(new_id(), ctx.now(), ctx.user_id, text)
    await queries.insert(ctx.db, terms)
    await ctx.tell(["terms"])
    store: ConfigStore = ctx.part(ConfigStore)
    shown = client_config(ctx.config, await store.facts(), signed_in=True)
    await ctx.tell(messages=[ClientConfigChanged(config=shown)])
    return terms


async def answer_of(ctx: Context, user_id: str) -> UserTermsOfService | None:
    """Which text a user has accepted, from the cache when it knows it."""

    async def load() -> UserTermsOfService | None:
        return await queries.answer_of(ctx.db, user_id)

    return await ctx.cache.get(("terms", user_id), ("terms", f"terms:{user_id}"), load)


async def answer(ctx: Context, user_id: str, body: TermsAnswer) -> None:
    """Note that a user accepts a text, or does not."""
    if body.accepted:
        if not await queries.accept(ctx.db, user_id, body.terms_id, ctx.now()):
            raise no_such_terms()
    elif await queries.is_text(ctx.db, body.terms_id):
        await queries.reject(ctx.db, user_id, body.terms_id)
    else:
        raise no_such_terms()
    await ctx.tell([f"terms:{user_id}"])


async def with_terms(ctx: Context, user: User) -> User:
    """A user with the text that it has accepted, where clients ask for that. Costs nothing elsewhere."""
    if not ctx.config.SupportSettings.CustomTermsOfServiceEnabled:
        return user
    accepted = await answer_of(ctx, user.id)
    if accepted is None:
        return user
    return replace(
        user, terms_of_service_id=accepted.terms_of_service_id, terms_of_service_create_at=accepted.create_at
    )
