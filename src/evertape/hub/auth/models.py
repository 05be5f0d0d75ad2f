"""What the routes about accounts take and answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from evertape.domain.roles import Role
from evertape.hub.api.times import Instant, Moment, instant, optional_instant
from evertape.hub.auth.passwords import LONGEST, SHORTEST
from evertape.store.accounts import Account, Token

NameText = Annotated[str, Field(min_length=1, max_length=200, description="The name to log in with.", examples=["jo"])]
AnyPassword = Annotated[SecretStr, Field(max_length=1000, json_schema_extra={"writeOnly": True})]
NewPassword = Annotated[
    SecretStr,
    Field(
        min_length=SHORTEST,
        max_length=LONGEST,
        description=f"At least {SHORTEST} characters.",
        json_schema_extra={"writeOnly": True},
    ),
]
CameraIds = Annotated[
    list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]],
    Field(max_length=10_000, description="The cameras that this account sees; empty: all."),
]


class Body(BaseModel):
    """What a request holds: nothing unknown, and its errors never quote what was sent."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Credentials(Body):
    """Who wants to log in."""

    name: NameText
    password: AnyPassword


class FirstAccount(Body):
    """The first admin."""

    token: SecretStr = Field(max_length=200, description="From the one-time link, behind `#setup=`.")
    name: NameText
    password: NewPassword


class SessionAnswer(BaseModel):
    """Who is logged in."""

    name: str = Field(description="The account.")
    role: Role = Field(description="What it may.")
    cameras: list[str] = Field(description="The cameras that it sees; empty: all.")
    via: str = Field(description="`session` or `token`.")
    csrf: str = Field(description="The value for the header `X-Evertape-CSRF`; empty for a token, which needs none.")
    warnings: list[str] = Field(description="What about this hub is not safe; shown on every page.")


class NewUser(Body):
    """A new account."""

    name: NameText
    password: NewPassword
    role: Role = Role.VIEWER
    cameras: CameraIds = []


class UserChange(Body):
    """What is to be different; what is left out stays."""

    role: Role | None = None
    cameras: CameraIds | None = None
    password: NewPassword | None = None
    old_password: AnyPassword | None = Field(None, description="Needed to change one's own password.")


class User(BaseModel):
    """An account."""

    name: str
    role: Role
    cameras: list[str] = Field(description="The cameras that it sees; empty: all.")
    created: Instant
    password_set: Instant = Field(description="When the password was last changed.")

    @classmethod
    def of(cls, account: Account) -> User:
        """Without the hash."""
        return cls(
            name=account.name,
            role=account.role,
            cameras=sorted(account.cameras),
            created=instant(account.created),
            password_set=instant(account.password_set),
        )


class Users(BaseModel):
    """All accounts, by name."""

    users: list[User]


class NewToken(Body):
    """A new API token."""

    name: str = Field(min_length=1, max_length=100, description="What it is for.", examples=["home automation"])
    role: Role = Field(Role.VIEWER, description="Not above its owner's.")
    ends: Moment | None = Field(None, description="When it stops being good; never, if left out.")


class TokenAnswer(BaseModel):
    """An API token, without its secret."""

    id: str
    name: str
    user: str = Field(description="Its owner: it sees the cameras that he sees, and may nothing that he may not.")
    role: Role
    created: Instant
    ends: Instant | None = None
    used: Instant | None = Field(None, description="The last use, to the minute.")

    @classmethod
    def of(cls, token: Token) -> TokenAnswer:
        """Without the hash."""
        return cls(
            id=token.id,
            name=token.name,
            user=token.account,
            role=token.role,
            created=instant(token.created),
            ends=optional_instant(token.ends),
            used=optional_instant(token.used),
        )


class MadeToken(TokenAnswer):
    """A new API token."""

    token: str = Field(description="The secret, for `Authorization: Bearer …`. It is shown this once.")


class Tokens(BaseModel):
    """Tokens, by age."""

    tokens: list[TokenAnswer]


class TrailEntry(BaseModel):
    """Something that somebody changed, or tried to."""

    at: Instant
    who: str = Field(description="The account; empty if nobody was known.")
    via: str = Field(description="`session`, `token NAME`, `password`, `setup`, or `machine`: a verb on the machine.")
    address: str = Field(description="Where the request came from.")
    what: str = Field(description="The method and the route, or the verb.", examples=["POST /cameras/{id}/restart"])
    target: str = Field(description="What it was about.", examples=["door"])
    ok: bool = Field(description="Whether it was done.")
    status: int = Field(description="The HTTP status of the answer; 0 for a verb.")


class TrailAnswer(BaseModel):
    """Newest first."""

    entries: list[TrailEntry]
