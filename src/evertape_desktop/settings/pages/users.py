"""Who may log in, and programs' tokens. What is done here is done at once. GUI thread only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtWidgets import QGroupBox, QVBoxLayout, QWidget

from evertape_desktop import words
from evertape_desktop.backend.problem import Problem
from evertape_desktop.backend.reply import Reply
from evertape_desktop.context import Context
from evertape_desktop.settings.asking import confirm
from evertape_desktop.settings.collection import Collection, Entry
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.note import Note, Tone
from evertape_desktop.settings.page import Page
from evertape_desktop.settings.user_dialogs import AskPassword, AskToken, AskUser, ShowToken, role_words


class UsersPage(Page):
    """See the module."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(
            context, draft, "users", self.tr("Users"), self.tr("What is done on this page is done at once."),
            of_recorder=False, parent=parent,
        )  # fmt: skip
        self._users: dict[str, Mapping[str, Any]] = {}
        self._tokens: dict[str, Mapping[str, Any]] = {}
        self.said = Note("", Tone.WARN, self, small=False)
        self.said.setObjectName("users_said")
        self.users = Collection([self.tr("Name"), self.tr("Role"), self.tr("Cameras")], self.tr("Accounts"), self)
        self._add = self.users.button("add_user", self.tr("Add…"))
        self._change = self.users.button("change_user", self.tr("Change…"))
        self._remove = self.users.button("remove_user", self.tr("Remove…"))
        self._password = self.users.button("own_password", self.tr("My password…"))
        columns = [self.tr("For"), self.tr("Of"), self.tr("Role"), self.tr("Last use"), self.tr("Until")]
        self.tokens = Collection(columns, self.tr("Tokens of programs"), self)
        self._add_token = self.tokens.button("add_token", self.tr("Add…"))
        self._end_token = self.tokens.button("end_token", self.tr("End…"))
        accounts = self._boxed(self.tr("Accounts"), self.users)
        tokens = self._boxed(self.tr("Tokens, for programs"), self.tokens)
        self.placed([(self.said, 0), (accounts, 3), (tokens, 2)])
        self._connect()

    def _boxed(self, title: str, contents: QWidget) -> QGroupBox:
        box = QGroupBox(title, self)
        column = QVBoxLayout(box)
        column.addWidget(contents)
        return box

    def _connect(self) -> None:
        self._add.clicked.connect(lambda: self._ask(AskUser(self.context, None, self)))
        self._change.clicked.connect(self.change)
        self._remove.clicked.connect(self.remove)
        self._password.clicked.connect(lambda: self._ask(AskPassword(self.context, self._me(), self)))
        self._add_token.clicked.connect(self.add_token)
        self._end_token.clicked.connect(self.end_token)
        self.users.chosen.connect(lambda _: self._enable())
        self.tokens.chosen.connect(lambda _: self._enable())
        self.draft.loaded.connect(self._enable)
        self._enable()

    def opened(self) -> None:
        """See ``Page``."""
        self._ask_again()

    # -- the lists ------------------------------------------------------------------------------------------

    def _ask_again(self) -> None:
        backend = self.context.backend
        backend.get("/users").then(self._on_users, self._on_no_users, owner=self)
        backend.get("/tokens").then(self._on_tokens, lambda _: self._on_tokens({"tokens": []}), owner=self)

    def _on_users(self, answer: Mapping[str, Any]) -> None:
        self.said.say("")
        self._users = {str(one["name"]): one for one in answer["users"]}
        self.users.show_entries([self._user_entry(one) for one in self._users.values()])
        self._enable()

    def _on_no_users(self, problem: Problem) -> None:
        if problem.status == 403:
            self.said.say(self.tr("Only an administrator may see and change accounts; you can change your own."))
        elif problem.status == 404:
            self.said.say(self.tr("An engine of this program has no accounts."))
        else:
            self.said.say(str(problem))
        self._users = {}
        self.users.show_entries([])
        self._enable()

    def _user_entry(self, user: Mapping[str, Any]) -> Entry:
        look = self.context.backend.look
        names = {camera.id: camera.name or camera.id for camera in (look.cameras if look else ())}
        seen = ", ".join(names.get(one, one) for one in user["cameras"]) or self.tr("all")
        name = self.tr("{0} (you)").format(user["name"]) if user["name"] == self._me() else user["name"]
        return Entry(user["name"], (name, role_words(user["role"]), seen))

    def _on_tokens(self, answer: Mapping[str, Any]) -> None:
        self._tokens = {str(one["id"]): one for one in answer["tokens"]}
        self.tokens.show_entries([self._token_entry(one) for one in self._tokens.values()])
        self._enable()

    def _token_entry(self, token: Mapping[str, Any]) -> Entry:
        look = self.context.backend.look
        zone = words.zone_of(look.timezone if look else None)
        used = words.date_clock(token["used"], zone) if token["used"] else self.tr("never")
        ends = words.date_clock(token["ends"], zone) if token["ends"] else self.tr("for good")
        return Entry(token["id"], (token["name"], token["user"], role_words(token["role"]), used, ends))

    def _me(self) -> str:
        return str(self.draft.who.get("name", ""))

    def _enable(self) -> None:
        is_admin = bool(self._users)
        mine = self.users.name == self._me()
        # A login by a machine's key or a token has no password of its own.
        self._password.setEnabled(self.draft.who.get("via") == "session")
        self._add.setEnabled(is_admin)
        self._change.setEnabled(is_admin and bool(self.users.name))
        self._remove.setEnabled(is_admin and bool(self.users.name) and not mine)
        self._add_token.setEnabled(self.draft.who.get("via") == "session")
        self._add_token.setToolTip("" if self._add_token.isEnabled() else self.tr("Needs a login with a password"))
        self._end_token.setEnabled(bool(self.tokens.name))

    # -- what a person does ---------------------------------------------------------------------------------

    def _ask(self, dialog: AskUser | AskPassword) -> None:
        dialog.answered.connect(lambda _: self._ask_again())
        dialog.open()

    def change(self) -> None:
        """Change the chosen account."""
        self._ask(AskUser(self.context, self._users[self.users.name], self))

    def remove(self) -> None:
        """Remove the chosen account, if it is really meant."""
        name = self.users.name
        confirm(
            self, self.tr("Remove the account “{0}”?").format(name),
            self.tr("It is logged out everywhere, and its tokens end."), self.tr("Remove"),
            lambda: self._at_once(self.context.backend.delete(f"/users/{name}")),
        )  # fmt: skip

    def add_token(self) -> None:
        """Make a token; it is shown once."""
        dialog = AskToken(self.context, str(self.draft.who.get("role", "viewer")), self)
        dialog.answered.connect(self._on_token)
        dialog.open()

    def _on_token(self, answer: Mapping[str, Any]) -> None:
        self._ask_again()
        shown = ShowToken(str(answer["name"]), str(answer["token"]), self)
        shown.open()

    def end_token(self) -> None:
        """End the chosen token, if it is really meant."""
        token = self._tokens[self.tokens.name]
        confirm(
            self, self.tr("End the token “{0}”?").format(token["name"]),
            self.tr("The program that uses it is refused from now on."), self.tr("End"),
            lambda: self._at_once(self.context.backend.delete(f"/tokens/{token['id']}")),
        )  # fmt: skip

    def _at_once(self, reply: Reply) -> None:
        reply.then(lambda _: self._ask_again(), lambda problem: self.said.say(str(problem)), owner=self)
