"""``evertape hub …``: where the page is, and who may log in. Works whether the service runs or not."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.camera_login import read_password
from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.domain.roles import Role
from evertape.errors import NotRunningError, UsageError

if TYPE_CHECKING:
    from evertape.hub.auth.local import LocalAccounts

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name to log in with.")]
RoleOption = Annotated[Role, typer.Option("--role", help="What the account may.")]
CamerasOption = Annotated[
    list[str] | None, typer.Option("--camera", metavar="ID", help="A camera it may see; again for more (default: all).")
]


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    group = typer.Typer(no_args_is_help=True, help="The page in the browser: where it is, and who may log in.")
    app.add_typer(group, name="hub", rich_help_panel="Set up")
    verb(group, "url")(url)
    verb(group, "password")(password)
    people = typer.Typer(no_args_is_help=True, help="Accounts: who may log in, and what for.")
    group.add_typer(people, name="users")
    verb(people, "list")(users)
    verb(people, "add")(add_user)
    verb(people, "edit")(edit_user)
    verb(people, "remove")(remove_user)
    keys = typer.Typer(no_args_is_help=True, help="API tokens: keys for programs.")
    group.add_typer(keys, name="token")
    verb(keys, "list")(tokens)
    verb(keys, "add")(add_token)
    verb(keys, "remove")(remove_token)


def url(place: Place, as_json: JsonFlag = False) -> None:
    """Print where the page is; before the first account is made, the one-time link that makes it."""
    from evertape.hub.auth.setup import setup_url
    from evertape.hub.place import hub_url

    found = hub_url(place.data.root)
    if not found:
        raise NotRunningError("no hub says where it listens", hint='start it with "evertape serve"')
    with _accounts(place) as accounts:
        token = accounts.setup_token()
    link = setup_url(found, token) if token else found
    if as_json:
        return emit({"url": found, "link": link, "needs_setup": bool(token)})
    print(link)
    return None


def password(place: Place, name: Name) -> None:
    """Set somebody's password, read from standard input; his sessions end. The first account becomes an admin."""
    secret = read_password()
    with _accounts(place) as accounts:
        account = accounts.set_password(name, secret)
    _on_trail(place, "evertape hub password", account.name)
    print(f"{account.name} ({account.role}) has a new password; open sessions have ended")


def users(place: Place, as_json: JsonFlag = False) -> None:
    """List the accounts."""
    with _accounts(place) as accounts:
        found = accounts.store.accounts()
    if as_json:
        rows = [{"name": a.name, "role": a.role.value, "cameras": sorted(a.cameras)} for a in found]
        return emit({"users": rows})
    if not found:
        print('There is no account yet; "evertape hub url" prints the link that makes the first one.')
    for account in found:
        print(f"{account.name:<20} {account.role:<9} {', '.join(sorted(account.cameras)) or 'all cameras'}")
    return None


def add_user(place: Place, name: Name, role: RoleOption = Role.VIEWER, camera: CamerasOption = None) -> None:
    """Add an account; the password is read from standard input."""
    cameras = _known(place, camera or [])
    secret = read_password()
    with _accounts(place) as accounts:
        account = accounts.add(name, secret, role, cameras)
    _on_trail(place, "evertape hub users add", account.name)
    print(f"{account.name} may log in as {account.role}")


def edit_user(
    place: Place,
    name: Name,
    role: Annotated[Role | None, typer.Option("--role", help="What the account may.")] = None,
    camera: CamerasOption = None,
    all_cameras: Annotated[bool, typer.Option("--all-cameras", help="It may see every camera.")] = False,
) -> None:
    """Change what an account may, or which cameras it sees."""
    if camera and all_cameras:
        raise UsageError("--camera and --all-cameras contradict each other")
    cameras = frozenset[str]() if all_cameras else _known(place, camera) if camera else None
    with _accounts(place) as accounts:
        account = accounts.store.change(name, role=role, cameras=cameras)
    _on_trail(place, "evertape hub users edit", account.name)
    print(f"{account.name}: {account.role}, {', '.join(sorted(account.cameras)) or 'all cameras'}")


def remove_user(place: Place, name: Name) -> None:
    """Remove an account, with its sessions and tokens. The last admin stays."""
    with _accounts(place) as accounts:
        accounts.store.remove(name)
    _on_trail(place, "evertape hub users remove", name)
    print(f"{name} is removed")


def tokens(place: Place, as_json: JsonFlag = False) -> None:
    """List the API tokens."""
    from evertape.cli.wording import time_text

    with _accounts(place) as accounts:
        found = accounts.store.tokens()
    if as_json:
        names = ("id", "name", "account", "created", "ends", "used")
        return emit({"tokens": [{n: getattr(t, n) for n in names} | {"role": t.role.value} for t in found]})
    for token in found:
        used = "never used" if token.used is None else f"used {time_text(token.used, None)[:16]}"
        print(f"{token.id}  {token.account:<16} {token.role:<9} {token.name} ({used})")
    return None


def add_token(
    place: Place,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Whose it is; it sees the cameras that he sees.")],
    name: Annotated[str, typer.Option("--name", help="What it is for.")],
    role: RoleOption = Role.VIEWER,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=3650, help="For how long (default: for good).")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make an API token and print it, this once."""
    from evertape.clock import SystemClock

    ends = None if days is None else SystemClock().utc_ns() + days * 86_400_000_000_000
    with _accounts(place) as accounts:
        made = accounts.add_token(account, name, role, ends)
    _on_trail(place, "evertape hub token add", name)
    if as_json:
        return emit({"id": made.token.id, "token": made.secret})
    print(made.secret)
    return None


def remove_token(
    place: Place, token: Annotated[str, typer.Argument(metavar="ID", help="As evertape hub token list shows it.")]
) -> None:
    """End an API token."""
    with _accounts(place) as accounts:
        removed = accounts.store.remove_token(token)
    if removed is None:
        raise UsageError(f"there is no token {token!r}", hint='"evertape hub token list" shows them')
    _on_trail(place, "evertape hub token remove", removed.name)
    print(f"{removed.name} is refused from now on")


@contextlib.contextmanager
def _accounts(place: Place) -> Iterator[LocalAccounts]:
    from evertape.clock import SystemClock
    from evertape.hub.auth.local import LocalAccounts

    if not place.data.root.is_dir():
        raise UsageError(f"there is no data directory {place.data.root}", hint='"evertape init" makes it')
    accounts = LocalAccounts(place.data.root, SystemClock())
    try:
        yield accounts
    finally:
        accounts.close()


def _known(place: Place, cameras: list[str]) -> frozenset[str]:
    known = place.load().config.cameras
    if strange := [camera for camera in cameras if camera not in known]:
        names = ", ".join(known) or "none"
        raise UsageError(f"there is no camera {', '.join(map(repr, strange))}", hint=f"the cameras are: {names}")
    return frozenset(cameras)


def _on_trail(place: Place, what: str, target: str) -> None:
    """Without a running service there is nobody to write the journal."""
    entry: dict[str, Any] = {"who": _who(), "via": "machine", "what": what, "target": target, "ok": True}
    with contextlib.suppress(NotRunningError):
        place.ask("audit_trail", **entry)


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
