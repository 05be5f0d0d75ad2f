"""``evertape view``: a camera's live picture in a window."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import UsageError
from evertape.media.view.terms import FallbackStrategy
from evertape.types import NS_PER_S, Stream

if TYPE_CHECKING:
    from evertape.cli.view_source import Target
    from evertape.config.schema import Config
    from evertape.config.sections import View as ViewSettings
    from evertape.media.view.terms import ViewEvent, ViewOptions, ViewStats

StreamOption = Annotated[Stream, typer.Option("--stream", help="The main stream, or the smaller one.")]
DecoderOption = Annotated[
    str | None, typer.Option("--decoder", metavar="NAME", help="auto, software, or a GStreamer element.")
]


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "view", rich_help_panel="Look")(view)


def view(
    place: Place,
    what: Annotated[str, typer.Argument(metavar="CAMERA|URL", help="A camera's id or URL; or a file of footage.")],
    fallback: Annotated[
        FallbackStrategy | None, typer.Option("--fallback", help="What happens while the camera is away.")
    ] = None,
    fallback_source: Annotated[
        str | None, typer.Option("--fallback-source", metavar="WHAT", help="card, snow, a picture's path, or a URI.")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help="How long the picture may stand still, like 10s.")
    ] = None,
    stream: StreamOption = Stream.MAIN,
    decoder: DecoderOption = None,
    sink: Annotated[str, typer.Option("--sink", metavar="auto|fake", help="A window, or nothing at all.")] = "auto",
    seconds: Annotated[float | None, typer.Option("--seconds", metavar="N", help="End after so long.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Watch a camera live until Ctrl-C, or until the window is closed.

    Of a configured camera the running service's own stream is shown; without a service, and for a URL, a session with
    the camera is opened. Nothing has to be configured for a URL. What the options leave open, the
    section `view` of the configuration says.

    Footage and other files are played to their end.
    """
    from evertape.cli.view_source import configured, find_target, served_as
    from evertape.config.override import override

    if sink not in ("auto", "fake"):
        raise UsageError(f"--sink can be auto or fake, not {sink!r}")
    config = configured(place)
    given = {"fallback": fallback, "fallback_source": fallback_source, "timeout": timeout, "decoder": decoder}
    settings = override(config.view, given)
    target = served_as(place, find_target(what, config, stream))
    look = Look(place, target, settings, view_options(config, settings, target, sink), seconds, quiet=as_json)
    stats = _play(look) if target.file else _watch(look)
    if as_json:
        emit({"events": look.events, **dataclasses.asdict(stats)})


@dataclasses.dataclass(slots=True)
class Look:
    """One look at something: all that was decided before it begins, and what happened."""

    place: Place
    target: Target
    settings: ViewSettings
    options: ViewOptions
    seconds: float | None
    quiet: bool
    events: list[dict[str, Any]] = dataclasses.field(default_factory=list)


def view_options(config: Config, settings: ViewSettings, target: Target, sink: str) -> ViewOptions:
    """What a view needs to know of the settings."""
    from zoneinfo import ZoneInfo

    from evertape.media.view.terms import SinkKind, ViewOptions

    zone = config.installation.timezone
    return ViewOptions(
        fallback_source=settings.fallback_source,
        timeout_ns=settings.timeout,
        restart_ns=settings.restart,
        retry_ns=settings.retry,
        decoder=settings.decoder,
        sink=SinkKind(sink),
        title=target.title,
        zone=None if zone is None else ZoneInfo(zone),
        max_behind_ns=settings.max_behind,
    )


def _watch(look: Look) -> ViewStats:
    from evertape.cli.view_source import open_source
    from evertape.media.view.strategies import view_class
    from evertape.media.view.view import WindowClosedError

    def told(event: ViewEvent) -> None:
        look.events.append({"event": event.name, **dataclasses.asdict(event)})
        if not look.quiet:
            print(event_text(event), flush=True)

    kind = view_class(FallbackStrategy(str(look.settings.fallback)))
    shown = kind(open_source(look.place, look.target, look.settings), look.options, told)
    with contextlib.suppress(WindowClosedError, KeyboardInterrupt):
        shown.run(look.seconds)
    return shown.stats


def _play(look: Look) -> ViewStats:
    from evertape.media.view.playback import FilePlayer
    from evertape.media.view.view import WindowClosedError

    def buffering(percent: int) -> None:
        look.events.append({"event": "buffering", "percent": percent})

    player = FilePlayer(look.target.file, look.options, buffering)
    with contextlib.suppress(WindowClosedError, KeyboardInterrupt):
        player.run(look.seconds)
    return player.stats


def event_text(event: ViewEvent) -> str:
    """One line for a person."""
    from datetime import UTC, datetime

    from evertape.media.view import terms

    at = datetime.fromtimestamp(event.utc_ns / NS_PER_S, UTC).astimezone().strftime("%H:%M:%S")
    match event:
        case terms.FirstPicture():
            said = f"picture after {event.after_ns / NS_PER_S:.1f} s, {event.width}×{event.height}, {event.decoder}"
        case terms.FallbackActivated():
            said = f"no signal ({event.reason}); the picture had stood still for {event.still_ns / NS_PER_S:.1f} s"
        case terms.PrimaryRecovered():
            said = f"the picture is back after {event.outage_ns / NS_PER_S:.1f} s"
        case terms.SourceChanged():
            said = "the camera sends" if event.flowing else f"the camera is away: {event.reason}"
        case terms.DecoderTroubled():
            said = (
                f"the decoder {event.decoder} {event.trouble}; {event.action}, {event.next} from the next keyframe on"
            )
        case terms.SourceBuffering():
            said = f"buffering {event.percent} %"
        case _:
            said = event.name
    return f"{at} {said}"
