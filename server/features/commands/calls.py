"""Asking the program of a custom command."""

import re
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit, urlunsplit

import structlog

from server.context import Context
from server.errors import ApiError, BadRequest
from server.features.channels.queries import public_ids
from server.features.channels.rules import channels_named_in
from server.features.commands import queries
from server.features.commands.answers import read_answer
from server.features.commands.models import Command, CommandResponse, ResponseUse
from server.features.commands.registry import Call
from server.features.interactions.calls import CallsUnderWay
from server.features.teams.member_queries import members_among
from server.features.teams.service import get_team
from server.features.users.queries import users_by_usernames
from server.features.users.visible import restricted_ids
from server.ids import new_token
from server.notify.outbound import Outbound, OutboundError

MAX_ANSWER = 1_000_000
"""Bytes."""

MAX_REDIRECTS = 3
MAX_MENTIONED = 50
"""People whose ids a program is told."""

_PERSON = re.compile(r"(?<![\w@.-])@([a-z0-9][a-z0-9._-]*)", re.IGNORECASE)

log = structlog.get_logger()

Fields = list[tuple[str, str]]


async def ask(ctx: Context, command: Command, call: Call, trigger_id: str) -> CommandResponse:
    """What the program of a command answers; raises BadRequest when it fails or makes no sense.

    Also raises TooManyRequests when the caller waits for too many programs.
    """
    fields = await _fields(ctx, command, call, trigger_id)
    headers = {"Accept": "application/json", "Authorization": f"Token {command.token}"}
    url, content = command.url, b""
    if command.method == "G":
        url = _with_query(url, fields)
    else:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        content = urlencode(fields).encode()
    outbound: Outbound = ctx.part(Outbound)
    under_way: CallsUnderWay = ctx.part(CallsUnderWay)
    try:
        with under_way.one_of(ctx.user_id):
            answer = await outbound.send(
                "GET" if command.method == "G" else "POST",
                url,
                headers=headers,
                content=content,
                timeout=ctx.config.ServiceSettings.OutgoingIntegrationRequestsTimeout,
                max_bytes=MAX_ANSWER,
                redirects=MAX_REDIRECTS,
            )
    except OutboundError as error:
        log.info("command failed", command_id=command.id, reason=error.reason)
        raise _failed(command, "failed") from None
    if answer.status != 200:
        log.info("command failed", command_id=command.id, status=answer.status)
        raise _failed(command, "failed_resp")
    try:
        return read_answer(answer.body, answer.headers.get("content-type", ""))
    except ApiError:
        raise _failed(command, "failed_resp") from None


def _failed(command: Command, how: str) -> BadRequest:
    return BadRequest(
        f"api.command.execute_command.{how}.app_error",
        f"The program of the command /{command.trigger} failed to answer.",
    )


def _with_query(url: str, fields: Fields) -> str:
    """An address with more fields after those that its query has."""
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(fields))))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


async def _fields(ctx: Context, command: Command, call: Call, trigger_id: str) -> Fields:
    team = await get_team(ctx, command.team_id)
    response_id = new_token()
    use = ResponseUse(command.id, ctx.user_id, call.channel.id, call.root_id)
    await queries.insert_response(ctx.db, response_id, use, ctx.now())
    fields = [
        ("token", command.token),
        ("team_id", team.id),
        ("team_domain", team.name),
        ("channel_id", call.channel.id),
        ("channel_name", call.channel.name),
        ("user_id", ctx.user_id),
        ("user_name", call.user.username),
        ("command", f"/{command.trigger}"),
        ("text", call.text),
        ("trigger_id", trigger_id),
        ("response_url", f"{call.site}/hooks/commands/{response_id}"),
    ]
    if call.root_id:
        fields.append(("root_id", call.root_id))
    for user_id, name in await _people_in(ctx, team.id, call.text):
        fields += (("user_mentions", name), ("user_mentions_ids", user_id))
    for name, channel_id in (await _channels_in(ctx, team.id, call.text)).items():
        fields += (("channel_mentions", name), ("channel_mentions_ids", channel_id))
    return fields


async def _people_in(ctx: Context, team_id: str, text: str) -> Sequence[tuple[str, str]]:
    """Ids and names of the members of the team whom a text names and the caller may know."""
    names: dict[str, None] = {}
    for match in _PERSON.finditer(text):
        name = match[1].lower()
        names |= dict.fromkeys((name, name.rstrip("._-")))
        if len(names) > MAX_MENTIONED:
            break
    if not names:
        return []
    users = await users_by_usernames(ctx.db, list(names))
    members = {member.user_id for member in await members_among(ctx.db, team_id, [user.id for user in users])}
    allowed = await restricted_ids(ctx)
    told = members if allowed is None else members.intersection(allowed)
    return [(user.id, user.username) for user in users if user.id in told]


async def _channels_in(ctx: Context, team_id: str, text: str) -> dict[str, str]:
    names = channels_named_in(text)
    return await public_ids(ctx.db, team_id, names) if names else {}
