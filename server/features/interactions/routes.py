"""Actions of posts and dialogs over HTTP."""

from server.access.guards import anyone, in_service
from server.context import Context
from server.features.interactions import action_service, dialog_service
from server.features.interactions.models import (
    DialogAction,
    DialogSubmission,
    DoPostAction,
    LookupDialogResponse,
    OpenDialog,
    PostActionResponse,
    SubmitDialogResponse,
)
from server.http.router import Router
from server.ids import Id

router = Router("interactions")

CLICK = DoPostAction()
READS = in_service("read_channel in the channel, view_team in its team")


@router.post("/posts/{post_id}/actions/{action_id}", guard=in_service("who may read the channel of the post"))
async def do_post_action(ctx: Context, post_id: Id, action_id: str, body: DoPostAction = CLICK) -> PostActionResponse:
    """Press a button of a post, or choose from one of its menus."""
    return await action_service.do_action(ctx, post_id, action_id, body)


@router.post("/actions/dialogs/open", guard=anyone)
async def open_interactive_dialog(ctx: Context, body: OpenDialog) -> None:
    """Open a dialog before the user who called an integration just now; who has the trigger id may."""
    await dialog_service.open_dialog(ctx, body)


@router.post("/actions/dialogs/submit", guard=READS)
async def submit_interactive_dialog(ctx: Context, body: DialogSubmission) -> SubmitDialogResponse:
    """Send what was filled in to the integration, or that the dialog was cancelled."""
    return await dialog_service.submit_dialog(ctx, body)


@router.post("/actions/dialogs/lookup", guard=READS)
async def lookup_interactive_dialog(ctx: Context, body: DialogSubmission) -> LookupDialogResponse:
    """Ask an integration for the choices of a menu."""
    return await dialog_service.look_up(ctx, body)


@router.post("/actions/dialogs/execute", guard=READS)
async def execute_dialog_action(ctx: Context, body: DialogAction) -> PostActionResponse:
    """Press a button in a dialog; the integration may open another dialog on top."""
    return await dialog_service.execute(ctx, body)
