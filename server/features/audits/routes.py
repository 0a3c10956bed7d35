"""Audits over HTTP."""

from server.access.guards import on_system, self_or
from server.access.permissions import Permission
from server.context import Context
from server.features.audits import queries
from server.features.audits.models import Audit
from server.http.params import Page, PerPage
from server.http.router import Router
from server.ids import Id

router = Router("audits")


@router.get("/audits", guard=on_system(Permission.READ_AUDITS))
async def get_audits(ctx: Context, page: Page = 0, per_page: PerPage = 60) -> list[Audit]:
    """What happened to all accounts, the newest first."""
    return await queries.audits(ctx.db, per_page, page * per_page)


@router.get("/users/{user_id}/audits", guard=self_or())
async def get_user_audits(ctx: Context, user_id: Id, page: Page = 0, per_page: PerPage = 60) -> list[Audit]:
    """What happened to an account, the newest first."""
    return await queries.audits_of(ctx.db, user_id, per_page, page * per_page)
