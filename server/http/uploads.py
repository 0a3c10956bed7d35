"""Single files in multipart forms: pictures of people, teams, emoji."""

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from server.errors import BadRequest, TooLarge, invalid_body


async def uploaded(request: Request, name: str, limit: int) -> bytes:
    """The file of a form field, at most `limit` bytes; raises BadRequest or TooLarge."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise invalid_body(name)
    try:
        async with request.form(max_files=4, max_fields=20) as form:
            file = form.get(name)
            if not isinstance(file, UploadFile) or not file.size:
                raise BadRequest("api.context.invalid_body_param.app_error", f"There is no file named {name}.")
            if file.size > limit:
                raise TooLarge("api.file.upload_file.too_large_detailed.app_error", "The file is too large.")
            return await file.read()
    except (MultiPartException, HTTPException, ValueError, KeyError) as error:
        raise BadRequest("api.context.invalid_body_param.app_error", "The form can't be read.") from error
