"""Commands that write what follows them in some other way."""

from msgspec import Struct

from server.config import Config
from server.context import Context
from server.features.commands.models import IN_CHANNEL, CommandResponse, Echo
from server.features.commands.queries import count_echoes
from server.features.commands.registry import DONE, Call, built_in, say
from server.features.posts.models import NewPost
from server.features.posts.service import create_post
from server.ids import new_id

MAX_SECONDS = 10_000
MAX_ECHOES = 100
"""How many texts of one user may wait."""

SHRUG = r"¯\\\_(ツ)\_/¯"
"""As Markdown shows it whole."""


@built_in("me", "Say what you do", hint="[words]")
async def me(ctx: Context, call: Call) -> CommandResponse:
    """A post in italics that clients show as an action."""
    text = call.text.strip()
    if not text:
        return say("Say what you do: `/me waves`.")
    return CommandResponse(response_type=IN_CHANNEL, text=f"*{text}*", type="me", props={"message": text})


@built_in("shrug", "Add a shrug to your words", hint="[words]")
async def shrug(ctx: Context, call: Call) -> CommandResponse:
    """The words, and a shrug."""
    return CommandResponse(response_type=IN_CHANNEL, text=f"{call.text.strip()} {SHRUG}".strip())


@built_in("code", "Show a text as code", hint="[text]")
async def code(ctx: Context, call: Call) -> CommandResponse:
    """Every line set in by four blanks."""
    if not call.text.strip():
        return say("Give a text after `/code`.")
    lines = call.text.rstrip().split("\n")
    return CommandResponse(response_type=IN_CHANNEL, text="\n".join(f"    {line}" for line in lines))


class Delayed(Struct, frozen=True):
    """A text, and after how many seconds it is to be said."""

    text: str
    seconds: int = 0


def delayed(text: str) -> Delayed:
    """What `/echo` was told: words and maybe a number at their end; quotes keep a number that belongs to them."""
    text = text.strip()
    end = text.rfind('"')
    if text.startswith('"') and end > 0:
        return Delayed(text[1:end].strip(), _seconds(text[end + 1 :].strip()) or 0)
    words, _, last = text.rpartition(" ")
    seconds = _seconds(last)
    return Delayed(words.strip(), seconds) if words and seconds is not None else Delayed(text)


def _seconds(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdecimal() and len(word) <= 9 else None


def _is_for_developers(config: Config) -> bool:
    return config.ServiceSettings.EnableDeveloper


@built_in("echo", "Say a text again, after some seconds", hint='"words" [seconds]', exists=_is_for_developers)
async def echo(ctx: Context, call: Call) -> CommandResponse:
    """The same text as a post, at once or later."""
    told = delayed(call.text)
    if not told.text:
        return say('Say what to echo: `/echo "hello" 3`.')
    if told.seconds > MAX_SECONDS:
        return say(f"An echo takes at most {MAX_SECONDS} seconds.")
    if not told.seconds:
        await create_post(ctx, NewPost(channel_id=call.channel.id, root_id=call.root_id, message=told.text))
        return DONE
    if await count_echoes(ctx.db, ctx.user_id) >= MAX_ECHOES:
        return say(f"There are {MAX_ECHOES} echoes of yours under way already.")
    async with ctx.begin() as tx:
        tx.enqueue(
            Echo(
                id=new_id(),
                user_id=ctx.user_id,
                channel_id=call.channel.id,
                root_id=call.root_id,
                message=told.text,
                seconds=told.seconds,
            )
        )
    return DONE
