/** One's own password, and keys for programs. */

import { api } from "../core/api.js";
import { button, fill, h } from "../core/dom.js";
import { t, when, word } from "../core/i18n.js";
import { session } from "../core/session.js";
import { attempt, dialog, note, problemBox } from "../core/talk.js";
import { fromLocalInput, msIso } from "../core/time.js";
import { field, head, loading, valueOf } from "./forms.js";

const SHORTEST = 10;
const ROLES = ["viewer", "operator", "admin"];

/** The page. */
export function page() {
  const tokens = loading(async (again) => {
    const answer = await api.get("/tokens");
    if (!answer.tokens.length) return h("p", { class: "soft" }, t("tokens.none"));
    return h("ul", { class: "stack" }, answer.tokens.map((token) => h("li", { class: "row apart" },
      h("span", {}, h("strong", {}, token.name), h("span", { class: "soft" }, ` ${token.user} · ${word("role", token.role)} · ${token.used ? t("tokens.used", { time: when(token.used) }) : t("tokens.unused")}${token.ends ? ` · ${t("tokens.until", { time: when(token.ends) })}` : ""}`)),
      button(t("tokens.end"), () => attempt(() => api.delete(`/tokens/${encodeURIComponent(token.id)}`)).then(again), { kind: "small danger" }))));
  });
  return h("div", { class: "stack" }, head(t("settings.account")), passwordForm(),
    h("section", { class: "panel form" }, h("h2", {}, t("tokens.title")), h("p", { class: "soft" }, t("tokens.text")), tokens,
      h("div", { class: "row" }, button(t("tokens.add"), async () => { if (await makeToken()) tokens.again(); }, { iconName: "plus" }))));
}

function passwordForm() {
  const old = field(t("account.old"), { kind: "password", autocomplete: "current-password", required: true });
  const fresh = field(t("account.new"), { kind: "password", autocomplete: "new-password", required: true, minlength: SHORTEST, help: t("login.password_help", { n: SHORTEST }) });
  const again = field(t("login.again"), { kind: "password", autocomplete: "new-password", required: true });
  const problem = h("div", {});
  const submit = async (event) => {
    event.preventDefault();
    if (fresh.input.value !== again.input.value) {
      fill(problem, problemBox(new Error(t("login.differ"))));
      return;
    }
    try {
      await api.patch(`/users/${encodeURIComponent(session.who.name)}`, { password: fresh.input.value, old_password: old.input.value });
      note(t("account.changed"));
      event.target.reset();
      fill(problem);
    } catch (error) {
      fill(problem, problemBox(error));
    }
  };
  return h("form", { class: "panel form", on: { submit } }, h("h2", {}, t("account.password")), h("input", { type: "text", name: "name", autocomplete: "username", class: "unseen", tabindex: "-1", "aria-hidden": "true", prop: { value: session.who.name } }),
    h("div", { class: "fields" }, old, fresh, again), problem, h("div", { class: "row" }, h("button", { type: "submit", class: "button primary" }, t("do.save"))));
}

function makeToken() {
  return dialog(t("tokens.add"), (close, body) => {
    const name = field(t("tokens.name"), { required: true, autofocus: true, placeholder: "Home Assistant" });
    const allowed = ROLES.filter((role) => session.may(role));
    const role = field(t("users.role"), { kind: "select", options: allowed.map((one) => [one, t(`users.role_${one}`)]) });
    const ends = field(t("tokens.ends"), { kind: "date", help: t("tokens.ends_help") });
    const problem = h("div", {});
    const submit = async (event) => {
      event.preventDefault();
      try {
        const made = await api.post("/tokens", { name: valueOf(name.input), role: role.input.value, ends: ends.input.value ? msIso(fromLocalInput(`${ends.input.value}T23:59:59`)) : undefined });
        fill(body, shown(made.token, close));
      } catch (error) {
        fill(problem, problemBox(error));
      }
    };
    return h("form", { class: "stack", on: { submit } }, name, role, ends, problem, h("footer", {}, button(t("do.cancel"), () => close()), h("button", { type: "submit", class: "button primary" }, t("tokens.make"))));
  });
}

function shown(secret, close) {
  const copy = button(t("do.copy"), async () => {
    await navigator.clipboard?.writeText(secret).catch(() => null);
    note(t("do.copied"));
  });
  return [h("p", {}, t("tokens.once")), h("code", { class: "secret" }, secret), h("footer", {}, copy, button(t("do.close"), () => close(true), { kind: "primary", autofocus: true }))];
}
