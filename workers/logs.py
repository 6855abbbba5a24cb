"""Logs: one line per event, each with an `action`, never a payload or a person."""

import logging
import sys
import traceback

import structlog


def set_up(level: str, form: str) -> None:
    """Send structlog's and the libraries' lines to stderr, as `json` or for a `console`."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # The libraries log each reconnect and each request: only what is wrong is wanted of them.
    for name in ("aiokafka", "faust", "mode", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


def log_failure(event: str, action: str, error: BaseException) -> None:
    """Say where an error was raised; its text is left out, since it may quote a value."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}"
    structlog.get_logger().error(event, action=action, error=type(error).__name__, at=where)
