"""Dialogs: programs open them before a user's eyes, and what is filled in goes back to the program."""

import structlog
from msgspec import UNSET
from msgspec.structs import replace

from server.access.grants import ChannelPlace, channel_place, check_channel, check_team
from server.access.permissions import Permission
from server.access.trigger_ids import make_trigger_id, read_trigger_id
from server.context import Context
from server.errors import ApiError, NotFound, invalid_body
from server.features.files.queries import file_by_id
from server.features.interactions.action_service import action_request
from server.features.interactions.calls import ask, may_be_called, unreadable
from server.features.interactions.dialog_rules import checked, oddities
from server.features.interactions.events import OpenDialogEvent
from server.features.interactions.models import (
    LOOKUP,
    REFRESH,
    SUBMISSION,
    DialogAction,
    DialogSubmission,
    ForwardedSubmission,
    LookupDialogResponse,
    OpenDialog,
    PostActionResponse,
    SubmitDialogResponse,
)
from server.http.bodies import BodyDecoder

_decode_response = BodyDecoder(SubmitDialogResponse)
_decode_choices = BodyDecoder(LookupDialogResponse)

log = structlog.get_logger()


async def open_dialog(ctx: Context, body: OpenDialog) -> None:
    """Open a dialog before the user whose trigger id the program shows."""
    patience = ctx.config.ServiceSettings.OutgoingIntegrationRequestsTimeout * 1000
    client_trigger_id, user_id = await read_trigger_id(ctx, body.trigger_id, max_age_ms=patience)
    if not may_be_called(body.url):
        raise invalid_body("url")
    dialog = checked(body.dialog, ctx.config.ServiceSettings.MaximumPayloadSizeBytes)
    if found := oddities(dialog):
        log.warning("a dialog may not be shown well", oddities=found)
    opened = OpenDialog(trigger_id=client_trigger_id, url=body.url, dialog=dialog)
    await ctx.tell((), [OpenDialogEvent(user_id=user_id, dialog=opened)])


async def _place(ctx: Context, channel_id: str, url: str) -> ChannelPlace:
    """The channel that a dialog was opened from, which the caller reads."""
    if not may_be_called(url):
        raise invalid_body("url")
    place = await channel_place(ctx, channel_id)
    if place is None:
        raise NotFound("app.channel.get.existing.app_error", "There is no such channel.")
    await check_channel(ctx, channel_id, Permission.READ_CHANNEL)
    if place.team_id:
        await check_team(ctx, place.team_id, Permission.VIEW_TEAM)
    return place


def _forwarded(ctx: Context, place: ChannelPlace, body: DialogSubmission, type: str) -> ForwardedSubmission:
    return ForwardedSubmission(
        type=type,
        callback_id=body.callback_id,
        state=body.state,
        user_id=ctx.user_id,
        channel_id=place.id,
        team_id=place.team_id,
        submission=body.submission,
        cancelled=body.cancelled,
        file_ids=body.file_ids or UNSET,
    )


async def submit_dialog(ctx: Context, body: DialogSubmission) -> SubmitDialogResponse:
    """Send what the caller filled in, or that the dialog was cancelled, to its program; what that says of it."""
    place = await _place(ctx, body.channel_id, body.url)
    for file_id in dict.fromkeys(body.file_ids):
        file = await file_by_id(ctx.db, file_id)
        if file is None or file.info.delete_at or file.info.user_id != ctx.user_id:
            raise invalid_body("file_ids")
    kind = REFRESH if body.type == REFRESH else SUBMISSION
    answer = await ask(ctx, body.url, _forwarded(ctx, place, body, kind))
    if not answer.body.strip():
        return SubmitDialogResponse()
    try:
        response: SubmitDialogResponse = _decode_response(answer.body)
        if response.form is None or response.error or response.errors:
            return response
        return replace(response, form=checked(response.form, ctx.config.ServiceSettings.MaximumPayloadSizeBytes))
    except ApiError:
        raise unreadable() from None


async def look_up(ctx: Context, body: DialogSubmission) -> LookupDialogResponse:
    """The choices that the program of a dialog offers for what the caller typed."""
    place = await _place(ctx, body.channel_id, body.url)
    answer = await ask(ctx, body.url, _forwarded(ctx, place, body, LOOKUP))
    if not answer.body.strip():
        return LookupDialogResponse()
    try:
        found: LookupDialogResponse = _decode_choices(answer.body)
    except ApiError:
        raise unreadable() from None
    return found


async def execute(ctx: Context, body: DialogAction) -> PostActionResponse:
    """Tell a program that the caller pressed a button in its dialog; it may open another dialog on top."""
    place = await _place(ctx, body.channel_id, body.url)
    client_trigger_id, trigger_id = await make_trigger_id(ctx)
    await ask(ctx, body.url, await action_request(ctx, place, trigger_id, body.context, type="dialog_action"))
    return PostActionResponse(client_trigger_id)
