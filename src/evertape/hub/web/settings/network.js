/** Where the page is reached, and live pictures for other programs. */

import { api } from "../core/api.js";
import { fill, h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { confirm } from "../core/talk.js";
import { configForm, head, loading, saveConfig } from "./forms.js";

const MOVES = ["hub.listen", "hub.tls"];

/** The page. */
export function page() {
  const moved = h("div", { role: "status" });
  return h("div", { class: "stack" }, head(t("settings.network")), moved, loading(async () => {
    const { config } = await api.get("/config");
    const hub = [
      { key: "hub.listen" }, { key: "hub.tls", kind: "select", options: ["off", "auto", "files"].map((name) => [name, t(`network.tls_${name}`)]) },
      { key: "hub.certificate" }, { key: "hub.key" }, { key: "hub.hosts" },
    ];
    const restream = [{ key: "restream.listen" }, { key: "restream.enabled", kind: "check" }];
    const url = `rtsp://${location.hostname}:${portOf(config.restream.listen)}/CAMERA`;
    return [
      configForm(config, hub, (changes) => move(config, changes, moved), t("network.page"), t("network.page_text")),
      configForm(config, restream, saveConfig, t("network.restream"), t("network.restream_text", { url })),
    ];
  }));
}

// The page goes with it, so it is asked for first, and what comes of it is said where it stays to be read.
async function move(config, changes, moved) {
  if (!MOVES.some((key) => key in changes)) return saveConfig(changes);
  const listen = changes["hub.listen"] ?? config.hub.listen;
  const url = urlOf(listen, changes["hub.tls"] ?? config.hub.tls);
  const text = lockedOut(listen) ? `${t("network.move_text", { url })} ${t("network.move_away")}` : t("network.move_text", { url });
  if (!(await confirm(t("network.move_title"), text, t("network.move"), { kind: lockedOut(listen) ? "danger" : "primary" }))) return null;
  const answer = await saveConfig(changes);
  for (const key of MOVES) if (key in changes) config.hub[key.slice(4)] = changes[key] ?? config.hub[key.slice(4)];
  fill(moved, h("p", { class: "panel" }, `${t("network.moved")} `, h("a", { href: url }, url)));
  return answer;
}

const portOf = (listen) => listen.slice(listen.lastIndexOf(":") + 1);
const hostOf = (listen) => listen.slice(0, listen.lastIndexOf(":"));
const isLocal = (host) => host === "localhost" || host === "[::1]" || host.startsWith("127.");
const lockedOut = (listen) => isLocal(hostOf(listen)) && !isLocal(location.hostname);

function urlOf(listen, tls) {
  const host = hostOf(listen);
  return `${tls === "off" ? "http" : "https"}://${["0.0.0.0", "[::]", ""].includes(host) ? location.hostname : host}:${portOf(listen)}/`;
}
