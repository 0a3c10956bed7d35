"""What commands answer: read from the words of a program, shown to the caller or posted, at once or later."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from server.access.grants import ChannelPlace, channel_place, has_channel, member_roles
from server.access.permissions import Permission
from server.context import Context
from server.errors import ApiError, BadRequest, Forbidden, NotFound
from server.features.commands import queries
from server.features.commands.models import IN_CHANNEL, Command, CommandResponse
from server.features.posts.ephemeral import send_ephemeral
from server.features.posts.metadata import check_message, check_props
from server.features.posts.models import NewPost
from server.features.posts.service import create_post
from server.features.users.lookup import acting_as, get_user
from server.features.users.queries import users_by_ids
from server.features.webhooks.posting import ICON_URL_MAX, NAME_MAX, RESERVED_PROPS
from server.features.webhooks.slack import people_in, texts_of, translated, translator
from server.http.bodies import BodyDecoder
from server.ids import is_id

MAX_EXTRA = 20
"""Further answers that one answer may bring."""

_decode = BodyDecoder(CommandResponse)


class Place(Struct, frozen=True):
    """Where answers go: for whom, into which channel, into which thread."""

    user_id: str
    channel: ChannelPlace
    root_id: str


def read_answer(raw: bytes, content_type: str) -> CommandResponse:
    """The answer of a program: JSON, or a text for the caller; raises BadRequest for broken JSON."""
    if content_type.partition(";")[0].strip().lower() == "application/json":
        try:
            answer: CommandResponse = _decode(raw)
        except ApiError:
            raise BadRequest(
                "web.command_webhook.parse.app_error", "The answer of the command can't be read."
            ) from None
        return answer
    return CommandResponse(text=raw.decode("utf-8", "replace").replace("\0", "").strip())


async def may_write(ctx: Context, channel: ChannelPlace) -> bool:
    """Whether the caller may post into a channel."""
    return await has_channel(ctx, channel.id, Permission.CREATE_POST) or (
        channel.type == "O" and await has_channel(ctx, channel.id, Permission.CREATE_POST_PUBLIC)
    )


async def deliver(ctx: Context, place: Place, command: Command | None, answer: CommandResponse) -> None:
    """Show or post an answer and those that it brings along; `command` is None for a built-in one."""
    extra = answer.extra_responses or []
    if len(extra) > MAX_EXTRA:
        raise BadRequest(
            "api.command.command_post.too_many.app_error", f"A command has at most {MAX_EXTRA} extra responses."
        )
    for each in (answer, *extra):
        await _deliver_one(ctx, place, command, each)


async def _deliver_one(ctx: Context, place: Place, command: Command | None, answer: CommandResponse) -> None:
    attachments = answer.attachments or []
    if not answer.text and not attachments:
        return
    channel = await _channel(ctx, place, answer.channel_id)
    root_id = place.root_id if channel.id == place.channel.id else ""
    text = answer.text
    if command is not None and not answer.skip_slack_parsing:
        text, attachments = await _in_our_words(ctx, text, attachments)
    props = _props(ctx, command, answer)
    if attachments:
        props["attachments"] = attachments
    if answer.response_type == IN_CHANNEL:
        new = NewPost(
            channel_id=channel.id,
            root_id=root_id,
            message=text,
            type="slack_attachment" if attachments else _type(command, answer.type),
            props=props,
        )
        await create_post(ctx, new, from_webhook=command is not None, user_id=place.user_id)
        return
    check_message(text)
    check_props(props)
    await send_ephemeral(
        ctx,
        to=place.user_id,
        user_id=place.user_id,
        channel_id=channel.id,
        message=text,
        root_id=root_id,
        props=props,
    )


def _type(command: Command | None, type: str) -> str:
    return type if command is None or type.startswith("custom_") else ""


async def _channel(ctx: Context, place: Place, channel_id: str) -> ChannelPlace:
    """Where an answer goes that may name another channel, of those in which its user is."""
    if not channel_id or channel_id == place.channel.id:
        return place.channel
    channel = await channel_place(ctx, channel_id) if is_id(channel_id) else None
    if (
        channel is None
        or channel.delete_at
        or await member_roles(ctx, channel_id, place.user_id) is None
        or not await may_write(ctx, channel)
    ):
        raise Forbidden("api.command.command_post.forbidden.app_error", "The command can't answer into that channel.")
    return channel


async def _in_our_words(
    ctx: Context, text: str, attachments: Iterable[dict[str, Any]]
) -> tuple[str, list[dict[str, Any]]]:
    ids = people_in((text, *texts_of(attachments)))
    people = await users_by_ids(ctx.db, ids) if ids else []
    translate = translator({user.id: user.username for user in people})
    return translate(text), [translated(attachment, translate) for attachment in attachments]


def _props(ctx: Context, command: Command | None, answer: CommandResponse) -> dict[str, Any]:
    """The props of an answer; that of a program says that one wrote it, and as whom if the settings allow it."""
    if command is None:
        return dict(answer.props or {})
    settings = ctx.config.ServiceSettings
    props = {name: value for name, value in (answer.props or {}).items() if name not in RESERVED_PROPS}
    props["from_webhook"] = "true"
    username = command.username or answer.username
    if settings.EnablePostUsernameOverride and username:
        props["override_username"] = username[:NAME_MAX]
    icon_url = command.icon_url or answer.icon_url
    if settings.EnablePostIconOverride and icon_url and len(icon_url) <= ICON_URL_MAX:
        props["override_icon_url"] = icon_url
    return props


def _no_such_response() -> NotFound:
    return NotFound("web.command_webhook.command.app_error", "There is nothing to answer here, or not any more.")


async def deliver_later(ctx: Context, response_id: str, raw: bytes, content_type: str) -> None:
    """Take an answer that is sent to a response_url; NotFound when nobody waits for it any more."""
    answer = read_answer(raw, content_type)
    use = await queries.use_response(ctx.db, response_id, ctx.now()) if is_id(response_id) else None
    if use is None:
        raise _no_such_response()
    command = await queries.command_by_id(ctx.db, use.command_id)
    user = await get_user(ctx, use.user_id)
    channel = await channel_place(ctx, use.channel_id)
    if command is None or user is None or user.delete_at or channel is None or channel.delete_at:
        raise _no_such_response()
    as_user = acting_as(ctx, user)
    if not await may_write(as_user, channel):
        raise _no_such_response()
    await deliver(as_user, Place(user.id, channel, use.root_id), command, replace(answer, goto_location=""))
