"""Terms of service over HTTP."""

from server.access.guards import in_service, on_system, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.errors import NotFound, forbidden
from server.features.terms import service
from server.features.terms.models import NewTerms, TermsAnswer, TermsOfService, UserTermsOfService
from server.http.router import Router
from server.ids import Id

router = Router("terms_of_service")

SELF = in_service("self")


def _check_self(ctx: Context, user_id: str) -> None:
    """Nobody answers for another one."""
    if ctx.user_id != user_id:
        raise forbidden()


@router.get("/terms_of_service", guard=signed_in)
async def get_terms_of_service(ctx: Context) -> TermsOfService:
    """The terms of service in force."""
    return await service.newest(ctx)


@router.post("/terms_of_service", guard=on_system(Permission.MANAGE_SYSTEM))
async def create_terms_of_service(ctx: Context, body: NewTerms) -> TermsOfService:
    """Put terms of service in force."""
    return await service.create(ctx, body.text)


@router.get("/users/{user_id}/terms_of_service", guard=SELF)
async def get_user_terms_of_service(ctx: Context, user_id: Id) -> UserTermsOfService:
    """Which terms the user has accepted."""
    _check_self(ctx, user_id)
    accepted = await service.answer_of(ctx, user_id)
    if accepted is None:
        raise NotFound("app.user_terms_of_service.get_by_user.no_rows.app_error", "The user has accepted no terms.")
    return accepted


@router.post("/users/{user_id}/terms_of_service", guard=SELF)
async def register_terms_of_service_action(ctx: Context, user_id: Id, body: TermsAnswer) -> None:
    """Accept terms, or not."""
    _check_self(ctx, user_id)
    await service.answer(ctx, user_id, body)
