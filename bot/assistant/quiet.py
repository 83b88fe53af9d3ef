"""Makes Rasa fit for a service that must not leak: no reports to anyone, nobody's words in a log.

Must be called before Rasa is imported; :mod:`bot.assistant.agent` and the tests do.
"""

from __future__ import annotations

import logging
import os
import traceback
import warnings
from collections.abc import MutableMapping
from typing import Any

import structlog

# Keys of Rasa's structured logs that cannot hold what someone wrote.
_HARMLESS = frozenset({"event", "level", "timestamp", "logger", "action_name", "len_extraction_events"})


def _without_content(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep what cannot hold anybody's words; Rasa logs message texts, slots and parse data under the other keys."""
    return {key: value for key, value in event.items() if key in _HARMLESS}


def _without_exception_text(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """A log record that shows where an exception was raised and its kind; its text may quote what someone wrote."""
    record = logging.LogRecord(*args, **kwargs)
    if record.exc_info and record.exc_info[0] is not None:
        kind, _, trace = record.exc_info
        record.exc_text = "".join(traceback.format_tb(trace)) + kind.__name__
    return record


def keep_quiet() -> None:
    """Switch reports off and make Rasa's logs safe. May be called more than once."""
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    # Nothing here loads from a model hub; if something tried, it must fail instead of calling out.
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    structlog.configure(
        processors=[_without_content, structlog.stdlib.add_log_level, structlog.processors.JSONRenderer()],
        # Messages below this level are dropped before they are formatted.
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # Rasa logs the errors of actions with all they say.
    logging.setLogRecordFactory(_without_exception_text)
    # Rasa's plain loggers print trackers and events at DEBUG, and messages in some warnings.
    logging.getLogger("rasa").setLevel(logging.ERROR)
    logging.getLogger("rasa_sdk").setLevel(logging.ERROR)
    # Rasa warns with the text of messages ("Failed to parse arguments in line ...").
    warnings.filterwarnings("ignore", module=r"rasa\..*")
