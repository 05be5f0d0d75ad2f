/** Accounts, and the trail of who did what. */

import { api } from "../core/api.js";
import { button, fill, h } from "../core/dom.js";
import { feed } from "../core/feed.js";
import { t, when, word } from "../core/i18n.js";
import { session } from "../core/session.js";
import { attempt, confirm, dialog, note, problemBox } from "../core/talk.js";
import { field, head, loading, valueOf } from "./forms.js";

const ROLES = ["viewer", "operator", "admin"];
const SHORTEST = 10;

/** The page. */
export function page() {
  const list = loading(async (again) => {
    const { users } = await api.get("/users");
    return h("div", { class: "panel scroll-x" }, h("table", {}, h("thead", {}, h("tr", {}, ["name", "role", "cameras", ""].map((name) => h("th", { scope: "col" }, name ? t(`users.${name}`) : "")))),
      h("tbody", {}, users.map((user) => row(user, again)))));
  });
  const trail = loading(async () => {
    const { entries } = await api.get("/trail", { limit: 50 });
    if (!entries.length) return h("p", { class: "soft" }, t("users.trail_none"));
    return h("div", { class: "scroll-x" }, h("table", {}, h("thead", {}, h("tr", {}, ["at", "who", "what", "target", "address"].map((name) => h("th", { scope: "col" }, t(`users.${name}`))))),
      h("tbody", {}, entries.map((one) => h("tr", { class: one.ok ? "" : "refused" }, h("td", { class: "num" }, when(one.at)), h("td", {}, one.who || "–"), h("td", {}, h("code", {}, one.what), one.ok ? "" : ` (${t("users.refused")})`),
        h("td", {}, one.target), h("td", { class: "soft" }, one.address))))));
  });
  return h("div", { class: "stack" }, head(t("settings.users"), button(t("users.add"), async () => { if (await edit(null)) list.again(); }, { kind: "primary", iconName: "plus" })), list,
    h("section", { class: "panel form" }, h("h2", {}, t("users.trail")), trail));
}

function row(user, again) {
  const cameras = user.cameras.length ? user.cameras.map((id) => feed.camera(id)?.name || id).join(", ") : t("users.all_cameras");
  const remove = async () => {
    if (await confirm(t("users.remove_title", { name: user.name }), t("users.remove_text"), t("do.remove"), { kind: "danger" })) {
      await attempt(() => api.delete(`/users/${encodeURIComponent(user.name)}`), t("users.removed"));
      again();
    }
  };
  return h("tr", {}, h("td", {}, h("strong", {}, user.name), user.name === session.who.name ? h("span", { class: "soft" }, ` (${t("users.you")})`) : ""), h("td", {}, word("role", user.role)), h("td", {}, cameras),
    h("td", {}, h("div", { class: "row" }, button(t("do.edit"), async () => { if (await edit(user)) again(); }, { kind: "small" }), user.name === session.who.name ? null : button(t("do.remove"), remove, { kind: "small danger" }))));
}

function edit(user) {
  return dialog(user ? t("users.edit_title", { name: user.name }) : t("users.add"), (close) => {
    const name = field(t("login.name"), { required: true, autocomplete: "off", autofocus: true, name: "name" });
    const password = field(t("login.password"), { kind: "password", autocomplete: "new-password", required: !user, minlength: SHORTEST, help: user ? t("users.password_keep") : t("login.password_help", { n: SHORTEST }) });
    const role = field(t("users.role"), { kind: "select", value: user?.role ?? "viewer", options: ROLES.map((one) => [one, t(`users.role_${one}`)]) });
    const boxes = (feed.status?.cameras ?? []).map((camera) => h("label", { class: "check" }, h("input", { type: "checkbox", value: camera.id, prop: { checked: user?.cameras.includes(camera.id) ?? false } }), camera.name || camera.id));
    const problem = h("div", {});
    const submit = async (event) => {
      event.preventDefault();
      const cameras = boxes.map((box) => box.firstChild).filter((box) => box.checked).map((box) => box.value);
      const secret = password.input.value || undefined;
      try {
        if (user) await api.patch(`/users/${encodeURIComponent(user.name)}`, { role: role.input.value, cameras, password: secret });
        else await api.post("/users", { name: valueOf(name.input), password: secret, role: role.input.value, cameras });
        note(t("form.saved"));
        close(true);
      } catch (error) {
        fill(problem, problemBox(error));
      }
    };
    // One's own password needs the old one, and has its own place.
    return h("form", { class: "stack", on: { submit } }, user ? null : name, user?.name === session.who.name ? null : password, role,
      h("fieldset", {}, h("legend", { class: "soft small" }, t("users.cameras_help")), h("div", { class: "export-cameras" }, boxes)), problem,
      h("footer", {}, button(t("do.cancel"), () => close()), h("button", { type: "submit", class: "button primary" }, t("do.save"))));
  });
}
