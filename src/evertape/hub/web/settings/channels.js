/** One way to tell people: how it is, trying it, and the dialogs for adding and changing it. Its URL is never shown. */

import { api } from "../core/api.js";
import { button, fill, h, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { attempt, confirm, dialog, problemBox } from "../core/talk.js";
import { field, tellSaved, valueOf } from "./forms.js";

export const TEST_MS = 60000;

const pathOf = (name) => `/alerts/channels/${encodeURIComponent(name)}`;

/** What came of a test. */
export const tried = (channel) => (channel.ok ? h("span", {}, t("alerts.arrived")) : h("span", { class: "bad-text" }, t("alerts.failed", { problem: channel.problem })));

/** A line of the list. `again`: draws the list anew, for those who may change it; else nothing. */
export function channelItem(channel, again) {
  const { name, ok, problem } = channel;
  const result = h("p", { role: "status", class: "small" }, problem && h("span", { class: "bad-text" }, problem));
  const wanted = [t(`alerts.${channel.alerts}`), channel.ended ? "" : t("alerts.not_ended")].filter(Boolean).join(", ");
  return h("li", { class: "item" },
    h("div", { class: "row apart" },
      h("div", { class: "row" }, h("span", { class: `tag ${ok ? "ok" : "bad"}` }, icon(ok ? "check" : "alarm"), name), h("code", { class: "small break" }, channel.to), h("span", { class: "soft small" }, wanted)),
      again ? h("div", { class: "row" }, buttons(channel, result, again)) : null),
    result);
}

function buttons(channel, result, again) {
  const { name } = channel;
  const test = button(t("alerts.test_one"), async () => {
    test.disabled = true;
    fill(result, h("span", { class: "soft" }, t("alerts.testing")));
    try {
      const answer = await api.request("POST", `${pathOf(name)}/test`, {}, { timeout: TEST_MS });
      fill(result, answer.channels.map(tried));
    } catch (error) {
      fill(result, problemBox(error));
    }
    test.disabled = false;
    test.focus();
  }, { kind: "small", "aria-label": t("alerts.test_of", { name }), data: { held: `test ${name}` } });
  const edit = async () => {
    if (await editChannel(channel)) setTimeout(again, 300);
  };
  const remove = async () => {
    if (!(await confirm(t("alerts.remove_title", { name }), t("alerts.remove_text"), t("do.remove"), { kind: "danger" }))) return;
    if (await attempt(() => api.delete(pathOf(name)), t("alerts.removed"))) setTimeout(again, 300);
  };
  return [
    test, button(t("do.edit"), edit, { kind: "small", iconName: "edit", "aria-label": t("alerts.edit_of", { name }), data: { held: `edit ${name}` } }),
    button(t("do.remove"), remove, { kind: "small danger", "aria-label": t("alerts.remove_of", { name }), data: { held: `remove ${name}` } }),
  ];
}

/** `true` once one was added. */
export function addChannel() {
  return form(t("alerts.add"), null, ({ name, ...rest }) => api.post("/alerts/channels", { name, ...rest }));
}

/** `true` once it was changed. */
export function editChannel(channel) {
  return form(t("alerts.edit_title", { name: channel.name }), channel, ({ name, url, ...rest }) => api.patch(pathOf(channel.name), url ? { url, ...rest } : rest));
}

function form(title, channel, save) {
  return dialog(title, (close) => {
    const name = field(t("camera.name"), { name: "name", required: true, autofocus: true, placeholder: "mail", pattern: "[a-z0-9][a-z0-9_\\-]*", help: t("alerts.name_help") });
    const url = field("URL", { name: "url", required: !channel, autofocus: Boolean(channel), autocomplete: "off", inputmode: "url", placeholder: channel ? "***" : "mailto://…",
      help: channel ? t("alerts.url_keep", { to: channel.to }) : t("alerts.url_help") });
    const wanted = field(t("alerts.wanted"), { kind: "select", name: "alerts", value: channel?.alerts ?? "all", options: [["all", t("alerts.all")], ["critical", t("alerts.critical")]] });
    const ended = field(t("alerts.ended"), { kind: "check", name: "ended", value: channel?.ended ?? true });
    const problem = h("div", {});
    const submit = async (event) => {
      event.preventDefault();
      url.input.removeAttribute("aria-invalid");
      try {
        tellSaved(await save({ name: valueOf(name.input), url: valueOf(url.input), alerts: wanted.input.value, ended: ended.input.checked }));
        close(true);
      } catch (error) {
        if (error.code?.startsWith("url_")) url.input.setAttribute("aria-invalid", "true");
        fill(problem, problemBox(error));
      }
    };
    return h("form", { class: "stack", on: { submit } }, channel ? null : name, url, wanted, ended, problem,
      h("footer", {}, button(t("do.cancel"), () => close()), h("button", { type: "submit", class: "button primary" }, t("do.save"))));
  });
}
