"""Second factors over HTTP."""

from server.access.guards import anyone, self_or
from server.context import Context
from server.features.mfa import service
from server.features.mfa.models import MfaAnswer, MfaQuestion, MfaSecret, MfaUpdate
from server.http.router import Router
from server.ids import Id

router = Router("mfa")

SWITCHED = "ServiceSettings.EnableMultifactorAuthentication"
DISABLED_ID = "mfa.mfa_disabled.app_error"


@router.post(
    "/users/{user_id}/mfa/generate", guard=self_or(), feature=SWITCHED, disabled_id=DISABLED_ID, without_factor=True
)
async def generate_mfa_secret(ctx: Context, user_id: Id) -> MfaSecret:
    """Make a secret for an authenticator app; a code of it then switches the second factor on."""
    return await service.generate(ctx, user_id)


@router.put("/users/{user_id}/mfa", guard=self_or(), feature=SWITCHED, disabled_id=DISABLED_ID, without_factor=True)
async def update_user_mfa(ctx: Context, user_id: Id, body: MfaUpdate) -> None:
    """Switch a second factor on, by a code of the generated secret, or off."""
    await service.update(ctx, user_id, body)


@router.post("/users/mfa", guard=anyone)
async def check_user_mfa(ctx: Context, body: MfaQuestion) -> MfaAnswer:
    """Whether a sign-in needs a code; old clients ask before, new ones learn it from the refusal of the sign-in."""
    return MfaAnswer(await service.needs_code(ctx, body.login_id))
