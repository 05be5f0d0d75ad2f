/** What is wrong now, by the alerts; where and how it is told, and whether that works. */

import { alertText } from "../core/alerts.js";
import { api } from "../core/api.js";
import { button, fill, h, icon } from "../core/dom.js";
import { t, when } from "../core/i18n.js";
import { session } from "../core/session.js";
import { problemBox } from "../core/talk.js";
import { addChannel, channelItem, TEST_MS, tried } from "./channels.js";
import { configForm, head, loading, saveConfig } from "./forms.js";

const HOW = [
  { key: "alerts.quiet", placeholder: "22:00-06:30" }, { key: "alerts.group" }, { key: "alerts.min_days", kind: "number", min: 0, max: 365, step: "any" },
  { key: "alerts.quiet_all", kind: "check" },
];
const HEARTBEAT = [{ key: "alerts.heartbeat_url", secret: true, inputmode: "url" }, { key: "alerts.heartbeat_interval" }];
const MQTT = [
  { key: "mqtt.broker", placeholder: "192.0.2.5:1883" }, { key: "mqtt.user", autocomplete: "off" }, { key: "mqtt.password", secret: true, kind: "password" },
  { key: "mqtt.prefix" }, { key: "mqtt.discovery_prefix" }, { key: "mqtt.tls", kind: "check" }, { key: "mqtt.discovery", kind: "check" },
];

/** The page. */
export function page() {
  const admin = session.may("admin");
  const result = h("div", { role: "status", class: "stack" });
  const lists = loading(async (again) => {
    const answer = await api.get("/alerts");
    return [now(answer.alerts), channels(answer.channels, admin ? again : null)];
  });
  const add = async () => {
    if (await addChannel()) setTimeout(lists.again, 300);
  };
  const buttons = admin ? [testAll(result), button(t("alerts.add"), add, { kind: "primary", iconName: "plus" })] : [];
  const forms = () => loading(async () => {
    const { config } = await api.get("/config");
    return [
      configForm(config, HOW, saveConfig, t("alerts.how")), configForm(config, HEARTBEAT, saveConfig, t("alerts.heartbeat"), t("alerts.heartbeat_text")),
      configForm(config, MQTT, saveConfig, t("alerts.mqtt"), t("alerts.mqtt_text")),
    ];
  });
  return h("div", { class: "stack" }, head(t("settings.alerts"), buttons), result, lists, admin ? forms() : null);
}

function testAll(result) {
  const test = button(t("alerts.test"), async () => {
    test.disabled = true;
    fill(result, h("p", { class: "soft" }, t("alerts.testing")));
    try {
      const answer = await api.request("POST", "/alerts/test", {}, { timeout: TEST_MS });
      fill(result, answer.channels.length ? answer.channels.map((one) => h("p", {}, h("strong", {}, `${one.name}: `), tried(one))) : h("p", { class: "soft" }, t("alerts.no_channels")));
    } catch (error) {
      fill(result, problemBox(error));
    }
    test.disabled = false;
  });
  return test;
}

function now(alerts) {
  return h("section", { class: "panel form" }, h("h2", {}, t("alerts.now")), alerts.length
    ? h("ul", { class: "stack" }, alerts.map((one) => h("li", { class: "row" }, icon("alarm"), h("span", { class: "grow" }, alertText(one)), h("span", { class: "soft num" }, one.since ? t("since", { time: when(one.since) }) : ""))))
    : h("p", { class: "soft" }, t("alerts.none")));
}

function channels(list, again) {
  return h("section", { class: "panel form" }, h("h2", {}, t("alerts.channels")), h("p", { class: "soft" }, t("alerts.channels_text")),
    list.length ? h("ul", { class: "stack" }, list.map((one) => channelItem(one, again))) : h("p", {}, t("alerts.no_channels")));
}
