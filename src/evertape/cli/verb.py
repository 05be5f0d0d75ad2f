"""What all verbs share: ``--data`` and ``--config`` before and after the verb, errors in one line, exit codes."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from evertape.cli.place import Place
from evertape.errors import EvertapeError
from evertape.redact import redact

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

INTERRUPTED = 130
"""128 + SIGINT, as shells say it."""

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="The data directory (default: $EVERTAPE_DATA, else the platform's place)."
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration (default: evertape.toml in the data directory)."),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]


def verb(app: typer.Typer, name: str, **settings: Any) -> Callable[[F], F]:
    """Register a function as a verb.

    Its first parameter is the ``Place``; the others are options and arguments as Typer wants them. It may
    return an exit code. The function itself is returned unchanged.

    Args:
        app: where it belongs.
        name: what it is called.
        **settings: passed on to Typer.
    """

    def register(function: F) -> F:
        app.command(name, **settings)(_as_command(function))
        return function

    return register


def _as_command(function: Callable[..., Any]) -> Callable[..., None]:
    @functools.wraps(function)
    def run(ctx: typer.Context, data: Path | None, config: Path | None, **arguments: Any) -> None:
        before_data, before_config = ctx.find_root().obj or (None, None)
        place = Place.of(data or before_data, config or before_config)
        code = guarded(lambda: function(place, **arguments), bool(arguments.get("as_json")))
        if code:
            raise typer.Exit(code)

    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    shared = [
        inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        inspect.Parameter("data", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=DataOption),
        inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=ConfigOption),
    ]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + shared
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    del run.__wrapped__
    return run


def guarded(work: Callable[[], int | None], as_json: bool = False) -> int:
    """Run ``work``; what it raises becomes a line on standard error and the exit code that is returned."""
    try:
        return work() or 0
    except EvertapeError as error:
        complain(error, as_json)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output, such as ``head``, has had enough. Closing it again at exit would complain.
        sys.stdout = None
        return 0
    except OSError as error:
        # Disks fail and files go while they are read; whoever can say more about it has said so already.
        log.debug("the system refused", exc_info=True)
        complain(EvertapeError(f"{error.filename or 'the system'}: {error.strerror or error}"), as_json)
        return 1
    except typer.Exit as leaving:
        return leaving.exit_code
    except typer.Abort:
        print("aborted", file=sys.stderr)
        return 1
    except Exception as error:
        # The process's edge: a mistake of ours.
        log.exception("this is a mistake in Evertape")
        complain(EvertapeError(f"this is a mistake in Evertape: {error!r}"), as_json)
        return 1


class _PlainFormatter(logging.Formatter):
    """For verbs that end soon: the line as it is, or with its traceback, masked."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return redact(f"evertape: {super().format(record)}")


def log_plainly() -> None:
    """Send warnings of whatever a verb uses to standard error; ``serve`` and ``demo`` set up more."""
    handler = logging.StreamHandler()
    handler.setFormatter(_PlainFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def complain(error: EvertapeError, as_json: bool) -> None:
    """Say what went wrong."""
    print(f"evertape: {error.what}", file=sys.stderr)
    if error.hint:
        print(f"  → {error.hint}", file=sys.stderr)
    if as_json:
        answer: dict[str, Any] = {"error": error.what, "hint": error.hint}
        problems = getattr(error, "problems", ())
        if problems:
            answer["problems"] = [
                {"text": str(p), "key": p.key, "line": p.line, "column": p.column, "suggestion": p.suggestion}
                for p in problems
            ]
        emit(answer)


def emit(answer: Any) -> None:
    """Print one JSON value on standard output."""
    json.dump(answer, sys.stdout, indent=2, ensure_ascii=False)
    print(flush=True)
