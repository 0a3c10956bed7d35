"""Commands of features that this server does not have: they are known, so that the answer can be true."""

from server.context import Context
from server.features.commands.models import CommandResponse
from server.features.commands.registry import Call, Run, built_in, say


async def _nobody(ctx: Context, team_id: str, channel_id: str) -> bool:
    return False


def _says(text: str) -> Run:
    async def run(ctx: Context, call: Call) -> CommandResponse:
        return say(text)

    return run


built_in("share-channel", "Share a channel with another server", hint="[action]", offered=_nobody)(
    _says("Channels can't be shared with other servers here.")
)
built_in("secure-connection", "Connect to another server", hint="[action]", offered=_nobody)(
    _says("This server makes no connections to other servers.")
)
built_in("marketplace", "Look for plugins", offered=_nobody)(_says("There is no marketplace of plugins here."))
