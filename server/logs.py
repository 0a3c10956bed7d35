"""Structured logs on standard error: a line of JSON or text for each thing worth knowing, never secrets or messages."""

import logging
import sys

import structlog

from server.config import Config

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}


def set_up_logs(config: Config) -> None:
    """Log as LogSettings say: ConsoleLevel, ConsoleJson, EnableConsole. Tracebacks come without local variables."""
    settings = config.LogSettings
    level = _LEVELS.get(settings.ConsoleLevel.lower(), logging.INFO) if settings.EnableConsole else logging.CRITICAL
    renderer: structlog.typing.Processor
    if settings.ConsoleJson:
        renderer = structlog.processors.JSONRenderer()
        errors: structlog.typing.Processor = structlog.processors.format_exc_info
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
        errors = structlog.processors.StackInfoRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            errors,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
