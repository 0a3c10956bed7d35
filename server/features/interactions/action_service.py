"""Running the actions of posts: whom they call, and what becomes of the answer."""

from typing import Any

from msgspec import UNSET, Struct

from server.access.grants import ChannelPlace, channel_place, may_read_channel
from server.access.trigger_ids import make_trigger_id
from server.context import Context
from server.errors import ApiError, BadRequest, NotFound, forbidden
from server.features.interactions.calls import FAILED, ask, unreadable
from server.features.interactions.models import ActionAnswer, ActionRequest, DoPostAction, PostActionResponse
from server.features.posts.access import readable_post
from server.features.posts.change_service import rewrite_post
from server.features.posts.ephemeral import change_ephemeral, send_ephemeral
from server.features.posts.integrations import (
    Integration,
    actions_in,
    integration_of,
    opened_cookie,
    retained,
    with_retained,
)
from server.features.posts.metadata import check_message, check_props
from server.features.teams.service import get_team
from server.features.users.lookup import get_user
from server.features.webhooks.slack import translator
from server.http.bodies import BodyDecoder

QUERY_MAX = 50
QUERY_KEY_MAX = 100
QUERY_VALUE_MAX = 1000

SELECT = "select"

_decode = BodyDecoder(ActionAnswer)


class Action(Struct, frozen=True, kw_only=True):
    """An action that somebody runs, and the post that it belongs to."""

    post_id: str
    root_id: str
    author_id: str
    channel_id: str
    type: str
    data_source: str
    integration: Integration
    props: dict[str, Any]
    """Of the post, of an ephemeral one only those that stay."""
    ephemeral: bool


def _no_such_action() -> NotFound:
    return NotFound("api.post.do_action.action_id.app_error", "The post has no such action.")


async def do_action(ctx: Context, post_id: str, action_id: str, body: DoPostAction) -> PostActionResponse:
    """Tell the program of an action that the caller runs it, and do what it answers."""
    _check_query(body.query)
    action = await _from_cookie(ctx, post_id, action_id, body.cookie) if body.cookie else None
    if action is None:
        action = await _of_post(ctx, post_id, action_id)
    place = await channel_place(ctx, action.channel_id)
    if place is None:
        raise forbidden()
    client_trigger_id, trigger_id = await make_trigger_id(ctx)
    context = dict(action.integration.context)
    if action.type == SELECT and body.selected_option:
        context["selected_option"] = body.selected_option
    question = await action_request(
        ctx, place, trigger_id, context, post_id=post_id, type=action.type, data_source=action.data_source
    )
    question.query = body.query
    answer = await ask(ctx, action.integration.url, question)
    await _obey(ctx, action, _read(answer.body))
    return PostActionResponse(client_trigger_id)


def _check_query(query: dict[str, str]) -> None:
    if len(query) > QUERY_MAX or any(
        len(key) > QUERY_KEY_MAX or len(value) > QUERY_VALUE_MAX for key, value in query.items()
    ):
        raise BadRequest("api.post.do_action.query.app_error", "The query of the action is too large.")


async def _of_post(ctx: Context, post_id: str, action_id: str) -> Action:
    post = await readable_post(ctx, post_id)
    found = next((action for action in actions_in(post.props) if action.get("id") == action_id), None)
    integration = integration_of(found) if found is not None else None
    if found is None or integration is None:
        raise _no_such_action()
    return Action(
        post_id=post.id,
        root_id=post.root_id or post.id,
        author_id=post.user_id,
        channel_id=post.channel_id,
        type=str(found.get("type") or ""),
        data_source=str(found.get("data_source") or ""),
        integration=integration,
        props=post.props,
        ephemeral=False,
    )


async def _from_cookie(ctx: Context, post_id: str, action_id: str, cookie: str) -> Action:
    """The action of an ephemeral post that the caller was shown."""
    sealed = await opened_cookie(ctx, cookie)
    if sealed is None or (sealed.post_id, sealed.action_id, sealed.user_id) != (post_id, action_id, ctx.user_id):
        raise BadRequest(FAILED, "The cookie is not one of this action.")
    if not await may_read_channel(ctx, sealed.channel_id):
        raise forbidden()
    if not sealed.integration.url:
        raise _no_such_action()
    return Action(
        post_id=post_id,
        root_id=sealed.root_id,
        author_id=sealed.author_id,
        channel_id=sealed.channel_id,
        type=sealed.type,
        data_source=sealed.data_source,
        integration=sealed.integration,
        props=sealed.props,
        ephemeral=True,
    )


async def action_request(
    ctx: Context,
    place: ChannelPlace,
    trigger_id: str,
    context: dict[str, Any],
    *,
    post_id: str = "",
    type: str = "",
    data_source: str = "",
) -> ActionRequest:
    """What a program is told of the caller who runs an action in a channel."""
    user = await get_user(ctx, ctx.user_id)
    team = await get_team(ctx, place.team_id) if place.team_id else None
    return ActionRequest(
        user_id=ctx.user_id,
        user_name=user.username if user is not None else "",
        channel_id=place.id,
        channel_name=place.name,
        team_id=place.team_id,
        team_domain=team.name if team is not None else "",
        post_id=post_id,
        trigger_id=trigger_id,
        type=type,
        data_source=data_source,
        context=context,
    )


def _read(body: bytes) -> ActionAnswer:
    if not body.strip():
        return ActionAnswer()
    try:
        answer: ActionAnswer = _decode(body)
    except ApiError:
        raise unreadable() from None
    return answer


async def _obey(ctx: Context, action: Action, answer: ActionAnswer) -> None:
    if answer.update is not None:
        message, props = answer.update.message, answer.update.props
        if props is not UNSET:
            props = with_retained(props, action.props)
        if not action.ephemeral:
            await rewrite_post(ctx, action.post_id, message, props)
        else:
            check_message(message)
            new = retained(action.props) if props is UNSET else props
            check_props(new)
            await change_ephemeral(
                ctx,
                id=action.post_id,
                to=ctx.user_id,
                user_id=action.author_id,
                channel_id=action.channel_id,
                root_id="" if action.root_id == action.post_id else action.root_id,
                message=message,
                props=new,
            )
    if answer.ephemeral_text:
        text = answer.ephemeral_text
        if not answer.skip_slack_parsing:
            text = translator({})(text)
        check_message(text)
        await send_ephemeral(
            ctx,
            to=ctx.user_id,
            user_id=ctx.user_id,
            channel_id=action.channel_id,
            root_id="" if action.ephemeral and action.root_id == action.post_id else action.root_id,
            message=text,
            props=retained(action.props),
        )
