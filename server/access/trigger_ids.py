"""Trigger ids: what an integration shows to prove that a user has just called it, so that it may open a dialog.

One holds the id that the client gets, the user and the time, and is signed with a secret of the installation.
"""

import base64
import hashlib
import hmac

from server.access.installation import LastingSecret, lasting_secret
from server.context import Context
from server.errors import BadRequest
from server.ids import is_id, new_id

_AHEAD_MS = 1000
"""How far the clocks of two nodes may be apart."""


async def _signature(ctx: Context, told: str) -> str:
    return hmac.new(await lasting_secret(ctx, LastingSecret.TRIGGER_IDS), told.encode(), hashlib.sha256).hexdigest()


async def make_trigger_id(ctx: Context) -> tuple[str, str]:
    """A new trigger id of the caller: what the client is told of it, and the signed one for the integration."""
    client_trigger_id = new_id()
    told = f"{client_trigger_id}:{ctx.user_id}:{ctx.now()}"
    signed = f"{told}:{await _signature(ctx, told)}"
    return client_trigger_id, base64.urlsafe_b64encode(signed.encode()).decode()


async def read_trigger_id(ctx: Context, trigger_id: str, *, max_age_ms: int) -> tuple[str, str]:
    """The client's id and the user of a trigger id that was signed here at most `max_age_ms` ago; raises BadRequest."""
    try:
        signed = base64.urlsafe_b64decode(trigger_id.encode("ascii")).decode("ascii")
    except ValueError:
        raise _refused("base64_decode_failed", "The trigger id can't be read.") from None
    told, _, signature = signed.rpartition(":")
    client_trigger_id, _, rest = told.partition(":")
    user_id, _, time = rest.partition(":")
    if not (is_id(client_trigger_id) and is_id(user_id) and time.isdecimal() and len(time) <= 18):
        raise _refused("missing_data", "The trigger id is not whole.")
    if not hmac.compare_digest(signature.encode(), (await _signature(ctx, told)).encode()):
        raise _refused("verify_signature_failed", "The trigger id was not made here.")
    if not -_AHEAD_MS <= ctx.now() - int(time) <= max_age_ms:
        raise _refused("expired", f"The trigger id is older than {max_age_ms} milliseconds.")
    return client_trigger_id, user_id


def _refused(reason: str, message: str) -> BadRequest:
    return BadRequest(f"interactive_message.decode_trigger_id.{reason}", message)
