/** When and how everything is recorded. */

import { api } from "../core/api.js";
import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { configForm, head, loading, saveConfig } from "./forms.js";

const GENERAL = [{ key: "installation.name" }, { key: "installation.timezone", placeholder: "Asia/Seoul" }];
const RECORDING = [
  { key: "recording.schedule" }, { key: "recording.rotation" }, { key: "recording.rotation_size" },
  { key: "recording.file_time", kind: "select", options: [["utc", "UTC"], ["local", t("conf.local")]] }, { key: "recording.align", kind: "check" },
];
const MEMORY = [{ key: "ring.time" }, { key: "ring.budget" }];
const STREAMING = [{ key: "streaming.stall_timeout" }, { key: "streaming.connect_timeout" }, { key: "streaming.backoff.max_retries", kind: "number", min: 1 }];

/** The page. */
export function page() {
  return h("div", { class: "stack" }, head(t("settings.recording")), loading(async () => {
    const { config } = await api.get("/config");
    return [
      configForm(config, RECORDING, saveConfig, t("settings.recording_when")), configForm(config, MEMORY, saveConfig, t("settings.memory")),
      configForm(config, STREAMING, saveConfig, t("settings.reaching")), configForm(config, GENERAL, saveConfig, t("settings.general")),
    ];
  }));
}
