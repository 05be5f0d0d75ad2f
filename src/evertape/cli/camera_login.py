"""Passwords on the way in: from standard input or the environment, never from the command line."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from evertape.errors import UsageError

UserOption = Annotated[str | None, typer.Option("--user", help="Log in as this user.")]
StdinOption = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
EnvOption = Annotated[
    str | None,
    typer.Option("--password-env", metavar="NAME", help="The environment variable that holds the password."),
]
FileOption = Annotated[
    str | None,
    typer.Option("--password-file", metavar="FILE", help="The file whose first line is the password."),
]


def login_fields(user: str | None, stdin: bool, env: str | None, file: str | None = None) -> dict[str, Any]:
    """The keys of a camera that these options set.

    Raises:
        UsageError: the password is given more than once, or standard input is empty.
    """
    if sum((stdin, env is not None, file is not None)) > 1:
        raise UsageError("the password is given more than once", hint="keep one of the options")
    fields: dict[str, Any] = {"user": user, "password_env": env, "password_file": file}
    if stdin:
        fields["password"] = read_password()
    return {name: value for name, value in fields.items() if value is not None}


def read_password() -> str:
    """The first line of standard input; on a terminal it is asked for and not shown."""
    if sys.stdin.isatty():
        import getpass

        password = getpass.getpass()
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise UsageError("there is no password on standard input")
    return password
