"""Commands about the client: what it shows, where help is, signing out. Some of them only a client can carry out."""

from server.context import Context
from server.features.commands.models import CommandResponse
from server.features.commands.registry import Call, Run, built_in, go, say, usable
from server.features.preferences.models import Preference
from server.features.preferences.service import save
from server.features.sessions.service import end_session

PREVIEWS = ("display_settings", "collapse_previews")


def _only_in_clients(what: str) -> Run:
    async def run(ctx: Context, call: Call) -> CommandResponse:
        return say(f"{what} is something that your client does itself, and the one you use has no such command.")

    return run


built_in("search", "Search for words in messages", hint="[words]")(_only_in_clients("Searching"))
built_in("settings", "Open the settings")(_only_in_clients("Opening the settings"))
built_in("shortcuts", "Show the keyboard shortcuts")(_only_in_clients("Showing shortcuts"))


def _shows_previews(collapsed: str, answer: str) -> Run:
    async def run(ctx: Context, call: Call) -> CommandResponse:
        await save(ctx, ctx.user_id, [Preference(ctx.user_id, *PREVIEWS, collapsed)])
        return say(answer)

    return run


built_in("expand", "Show previews of images and links")(
    _shows_previews("false", "Previews of images and links are shown from now on.")
)
built_in("collapse", "Hide previews of images and links")(
    _shows_previews("true", "Previews of images and links are hidden from now on.")
)


@built_in("help", "Get help")
async def help_(ctx: Context, call: Call) -> CommandResponse:
    """The page that the operator names, else what commands there are."""
    link = ctx.config.SupportSettings.HelpLink
    if link:
        return go(link)
    lines = [
        f"- `/{' '.join(filter(None, (one.trigger, one.node.hint)))}`: {one.node.help}."
        for one in await usable(ctx, call.team_id, call.channel.id)
    ]
    return say("\n".join(("Commands that you can use here:", "", *lines)))


@built_in("logout", "Log out")
async def logout(ctx: Context, call: Call) -> CommandResponse:
    """The end of the session in use, and the way to the next one."""
    if ctx.session is not None:
        await end_session(ctx, ctx.session)
    return go("/login")
