"""Which outgoing hooks a new post calls, what they are sent, and what becomes of their answers."""

import hashlib
from collections.abc import Collection, Sequence
from urllib.parse import urlencode

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import asdict

from server.access.grants import ChannelPlace, channel_place
from server.context import Context
from server.errors import ApiError, Busy
from server.features.posts.followups import Upcoming
from server.features.posts.models import SYSTEM_PREFIX, StoredPost
from server.features.posts.queries import post_by_id
from server.features.teams.queries import team_by_id
from server.features.users.lookup import acting_as, get_user
from server.features.users.models import User
from server.features.users.queries import users_by_ids
from server.features.webhooks import outgoing_queries as queries
from server.features.webhooks.outgoing_models import (
    EXACT,
    JSON,
    CallHook,
    OutgoingAnswer,
    OutgoingPayload,
    OutgoingWebhook,
)
from server.features.webhooks.posting import Look, post_payload
from server.features.webhooks.slow_targets import SlowTargets
from server.http.bodies import BodyDecoder
from server.ids import id_from
from server.jobs.job import Job
from server.notify.outbound import Answer, Outbound, OutboundError, OutboundLate, OutboundUnreached

CALLS = 50
"""Addresses that one post calls at most."""

ANSWER_MAX = 1_000_000
"""Bytes of an answer."""

PARTS = 100
"""Posts of one answer that are known again when the answer comes twice."""

REDIRECTS = 3

_decode = BodyDecoder(OutgoingAnswer)
_json = msgspec.json.Encoder().encode

log = structlog.get_logger()


class NotDelivered(Exception):
    """An address could not be reached or failed; another try may help."""


class Hooks(Struct, frozen=True):
    """The hooks of a team, sorted by what calls them."""

    every_post: dict[str, list[OutgoingWebhook]]
    """By channel: those without words."""
    exact: dict[str, list[OutgoingWebhook]]
    """By word."""
    prefixes: dict[str, list[OutgoingWebhook]]
    """By the beginning of a word."""
    lengths: tuple[int, ...]
    """Of these beginnings, each once and ascending: a word is looked up so often, however many hooks there are."""
    creators: frozenset[str]
    """Also those who are deactivated."""
    channels: frozenset[str]

    def called(self, channel_id: str, message: str) -> list[tuple[OutgoingWebhook, str]]:
        """The hooks that a message in a channel calls, each once, and the word that does it ("" for none)."""
        first = next(iter(message.split(None, 1)), "")
        found = {hook.id: (hook, "") for hook in self.every_post.get(channel_id, ())}
        found |= {hook.id: (hook, first) for hook in self.exact.get(first, ())}
        for length in self.lengths:
            if length > len(first):
                break
            found |= {hook.id: (hook, first[:length]) for hook in self.prefixes.get(first[:length], ())}
        return [(hook, word) for hook, word in found.values() if hook.channel_id in ("", channel_id)]


def sorted_hooks(hooks: Sequence[OutgoingWebhook], active: Collection[str]) -> Hooks:
    """The hooks of active users, the oldest first, by what calls them."""
    every_post: dict[str, list[OutgoingWebhook]] = {}
    exact: dict[str, list[OutgoingWebhook]] = {}
    prefixes: dict[str, list[OutgoingWebhook]] = {}
    for hook in hooks:
        if hook.creator_id not in active:
            continue
        if not hook.trigger_words:
            every_post.setdefault(hook.channel_id, []).append(hook)
        for word in hook.trigger_words:
            (exact if hook.trigger_when == EXACT else prefixes).setdefault(word, []).append(hook)
    creators = frozenset(hook.creator_id for hook in hooks)
    lengths = tuple(sorted({len(prefix) for prefix in prefixes}))
    channels = frozenset(hook.channel_id for hook in hooks if hook.channel_id)
    return Hooks(every_post, exact, prefixes, lengths, creators, channels)


async def hooks_of(ctx: Context, team_id: str) -> Hooks:
    """The hooks of a team whose creators are not deactivated, from the cache when it knows them."""
    key = ("outgoing_hooks", team_id)
    at_hand = ctx.cache.peek(key, Hooks)
    if at_hand is not None:
        return at_hand

    async def load() -> Hooks:
        hooks = await queries.outgoing_of_team(ctx.db, team_id)
        creators = await users_by_ids(ctx.db, list({hook.creator_id for hook in hooks})) if hooks else []
        return sorted_hooks(hooks, {user.id for user in creators if not user.delete_at})

    def tags(hooks: Hooks) -> tuple[str, ...]:
        return (
            f"hooks_of:{team_id}",
            *(f"user:{user_id}" for user_id in hooks.creators),
            *(f"channel:{channel_id}" for channel_id in hooks.channels),
        )

    return await ctx.cache.get(key, tags, load)


async def plan_calls(ctx: Context, post: Upcoming) -> Sequence[Job]:
    """The calls that a post causes: those of people and bots in open channels, not those of integrations."""
    if post.channel.type != "O" or post.from_webhook or post.type.startswith(SYSTEM_PREFIX):
        return ()
    if not ctx.config.ServiceSettings.EnableOutgoingWebhooks:
        return ()
    hooks = await hooks_of(ctx, post.channel.team_id)
    if not hooks.creators:
        return ()
    calls = [
        CallHook(post_id=post.id, hook_id=hook.id, address=_digest(url), trigger_word=word)
        for hook, word in hooks.called(post.channel.id, post.message)
        for url in hook.callback_urls
    ]
    return calls[:CALLS]


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


async def call(ctx: Context, job: CallHook) -> None:
    """Send a post to an address and post the answer; raises NotDelivered when another try may help.

    Nothing is sent any more when the hook, its creator or the post are gone or the channel is no longer open.
    """
    if not ctx.config.ServiceSettings.EnableOutgoingWebhooks:
        return
    hook = await queries.outgoing_by_id(ctx.db, job.hook_id)
    post = await post_by_id(ctx.db, job.post_id)
    if hook is None or post is None or post.delete_at:
        return
    url = next((url for url in hook.callback_urls if _digest(url) == job.address), "")
    place = await channel_place(ctx, post.channel_id)
    creator = await get_user(ctx, hook.creator_id)
    if not url or creator is None or creator.delete_at:
        return
    if place is None or place.type != "O" or place.delete_at or place.team_id != hook.team_id:
        return
    answer = await _send(ctx, hook, url, await _payload(ctx, hook, post, place, job.trigger_word))
    said = _read(hook, answer) if answer is not None else None
    if said is not None:
        await _post_answer(ctx, creator, hook, post, said, job.address)


async def _payload(
    ctx: Context, hook: OutgoingWebhook, post: StoredPost, place: ChannelPlace, word: str
) -> OutgoingPayload:
    team = await team_by_id(ctx.db, place.team_id)
    author = await get_user(ctx, post.user_id)
    return OutgoingPayload(
        token=hook.token,
        team_id=place.team_id,
        team_domain=team.name if team is not None else "",
        channel_id=place.id,
        channel_name=place.name,
        timestamp=post.create_at,
        user_id=post.user_id,
        user_name=author.username if author is not None else "",
        post_id=post.id,
        text=post.message,
        trigger_word=word,
        file_ids=",".join(post.file_ids),
    )


def _encoded(payload: OutgoingPayload, content_type: str) -> bytes:
    if content_type == JSON:
        return _json(payload)
    return urlencode(asdict(payload) | {"timestamp": payload.timestamp // 1000}).encode()


async def _send(ctx: Context, hook: OutgoingWebhook, url: str, payload: OutgoingPayload) -> Answer | None:
    """The answer of an address; None when there is none and another try would not help."""
    outbound: Outbound = ctx.part(Outbound)
    targets: SlowTargets = ctx.part(SlowTargets)
    if targets.rests(url):
        log.warning("an outgoing webhook is left alone, since it did not answer in time", hook_id=hook.id)
        return None
    try:
        answer = await outbound.send(
            "POST",
            url,
            headers={"Content-Type": hook.content_type, "Accept": JSON},
            content=_encoded(payload, hook.content_type),
            timeout=ctx.config.ServiceSettings.OutgoingIntegrationRequestsTimeout,
            max_bytes=ANSWER_MAX,
            redirects=REDIRECTS,
        )
    except OutboundUnreached as error:
        raise NotDelivered(error.reason) from None
    except OutboundError as error:
        if isinstance(error, OutboundLate):
            targets.was_late(url)
        log.warning("an outgoing webhook got no answer", hook_id=hook.id, reason=error.reason)
        return None
    targets.answered(url)
    if answer.status >= 500:
        raise NotDelivered("The address failed.")
    if not 200 <= answer.status < 300:
        log.warning("an outgoing webhook was refused", hook_id=hook.id, status=answer.status)
        return None
    return answer


def _read(hook: OutgoingWebhook, answer: Answer) -> OutgoingAnswer | None:
    if not answer.body.strip():
        return None
    try:
        said: OutgoingAnswer = _decode(answer.body)
    except ApiError:
        log.warning("the answer of an outgoing webhook can't be read", hook_id=hook.id)
        return None
    return said if said.text or said.attachments else None


async def _post_answer(
    ctx: Context, creator: User, hook: OutgoingWebhook, post: StoredPost, said: OutgoingAnswer, address: str
) -> None:
    """Post what an address answered, once, however often the call is repeated."""
    root_id = (post.root_id or post.id) if said.response_type == "comment" else ""
    cause = f"{post.id}:{hook.id}:{address}"
    try:
        await post_payload(
            acting_as(ctx, creator),
            said,
            Look(hook.display_name, hook.username, hook.icon_url),
            channel_id=post.channel_id,
            root_id=root_id,
            ids=[id_from(post.create_at, f"{cause}:{part}") for part in range(PARTS)],
        )
    except Busy as error:
        raise NotDelivered(error.message) from None
    except ApiError as error:
        log.warning("the answer of an outgoing webhook can't be posted", hook_id=hook.id, reason=error.id)
