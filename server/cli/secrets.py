"""`hubbub admin reseal`: another key for what the database holds of secrets."""

import asyncio

from server.cli.failure import DATABASE_ERRORS, CommandError, first_line
from server.cli.operator import operator_context
from server.errors import ApiError
from server.features.secrets import service


def reseal() -> str:
    """Seal all secrets with the first key; what was done."""

    async def work() -> int:
        async with operator_context() as ctx:
            return await service.reseal(ctx.services.db)

    try:
        return f"sealed {asyncio.run(work())} secrets anew, and those of the settings"
    except ApiError as error:
        raise CommandError(error.message) from error
    except DATABASE_ERRORS as error:
        raise CommandError(f"the database does not help: {first_line(error)}") from error
