"""Commands about oneself: online, away, do not disturb, offline, and the custom status."""

import re

from server.config import Config
from server.context import Context
from server.features.commands.models import CommandResponse
from server.features.commands.registry import Argument, Call, Item, Run, built_in, say
from server.features.status.custom import CustomStatus, remove_custom_status, set_custom_status
from server.features.status.models import AWAY, DND, OFFLINE, ONLINE
from server.features.status.service import choose

CLEAR = "clear"

_EMOJI = re.compile(r":([A-Za-z0-9_+-]{1,64}):\s*(.*)", re.DOTALL)


def _chooses(status: str, answer: str) -> Run:
    async def run(ctx: Context, call: Call) -> CommandResponse:
        await choose(ctx, ctx.user_id, status)
        return say(answer)

    return run


built_in("online", "Show that you are online")(_chooses(ONLINE, "You are shown as online now."))
built_in("away", "Show that you are away")(_chooses(AWAY, "You are shown as away now."))
built_in("dnd", "Ask not to be disturbed: no notifications")(
    _chooses(DND, "You are not to be disturbed now: desktop and push notifications stay away.")
)
built_in("offline", "Appear offline")(_chooses(OFFLINE, "You are shown as offline now."))


def _has_custom_statuses(config: Config) -> bool:
    return config.TeamSettings.EnableCustomUserStatuses


@built_in(
    "status",
    "Set or clear your custom status",
    hint="[:emoji:] [words] or clear",
    arguments=(
        Argument(items=(Item(CLEAR, "", "Take your status away"), Item(":speech_balloon:", "[words]", "Set a status"))),
    ),
    exists=_has_custom_statuses,
)
async def status(ctx: Context, call: Call) -> CommandResponse:
    """An emoji and a few words, or none any more."""
    text = call.text.strip()
    if not text:
        return say("Say what your status is: `/status :coffee: Having a break`, or `/status clear` to have none.")
    if text.lower() == CLEAR:
        await remove_custom_status(ctx, ctx.user_id)
        return say("You have no custom status any more.")
    match = _EMOJI.fullmatch(text)
    given = CustomStatus(emoji=match[1], text=match[2]) if match else CustomStatus(text=text)
    await set_custom_status(ctx, ctx.user_id, given)
    return say(f"Your status is set to “{text}”. `/status clear` takes it away.")
