/** What is wrong now, by the alerts; where it is told; and whether that works. */

import { api } from "../core/api.js";
import { button, fill, h, icon } from "../core/dom.js";
import { t, when } from "../core/i18n.js";
import { session } from "../core/session.js";
import { problemBox } from "../core/talk.js";
import { head, loading } from "./forms.js";

const TEST_MS = 60000;

/** The page. */
export function page() {
  const result = h("div", { role: "status", class: "stack" });
  const test = button(t("alerts.test"), async () => {
    test.disabled = true;
    fill(result, h("p", { class: "soft" }, t("alerts.testing")));
    try {
      const { channels } = await api.request("POST", "/alerts/test", {}, { timeout: TEST_MS });
      fill(result, channels.length ? channels.map(channelLine) : h("p", { class: "soft" }, t("alerts.no_channels")));
    } catch (error) {
      fill(result, problemBox(error));
    }
    test.disabled = false;
  }, { kind: "primary" });
  return h("div", { class: "stack" }, head(t("settings.alerts"), session.may("admin") ? test : null), result,
    loading(async () => {
      const answer = await api.get("/alerts");
      return [now(answer.alerts), channels(answer.channels ?? [])];
    }));
}

function now(alerts) {
  return h("section", { class: "panel form" }, h("h2", {}, t("alerts.now")), alerts.length
    ? h("ul", { class: "stack" }, alerts.map((one) => h("li", { class: "row" }, icon("alarm"), h("span", { class: "grow" }, one.text), h("span", { class: "soft num" }, one.since ? t("since", { time: when(one.since) }) : ""))))
    : h("p", { class: "soft" }, t("alerts.none")));
}

function channels(list) {
  return h("section", { class: "panel form" }, h("h2", {}, t("alerts.channels")), h("p", { class: "soft" }, t("alerts.channels_text")),
    list.length ? h("ul", { class: "stack" }, list.map(channelLine)) : h("p", {}, t("alerts.no_channels")));
}

function channelLine(channel) {
  const ok = channel.ok !== false;
  return h("div", { class: "row" }, h("span", { class: `tag ${ok ? "ok" : "bad"}` }, icon(ok ? "check" : "alarm"), channel.name), h("span", { class: "soft" }, channel.problem ?? channel.error ?? ""));
}
