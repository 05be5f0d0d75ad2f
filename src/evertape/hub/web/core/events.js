/** What happened, in sentences. The kinds are those of docs/reference/events.md. */

import { alertText, overText } from "./alerts.js";
import { has, size, span, t, word } from "./i18n.js";
import { stateReason } from "./labels.js";

/** Those that a person wants to read; files that are opened and closed are not among them. */
export const SHOWN_KINDS = [
  "service_started", "service_stopped", "process_died", "camera_state", "recording_state", "record_wish", "volume_state", "segment_missing",
  "segment_damaged", "protection_added", "protection_removed", "retention_pass", "writer_replaced", "alert", "clock_stepped", "clock_corrected",
  "config_applied", "config_refused",
];

/** One sentence. */
export function eventText(event) {
  const { kind, fields } = event;
  const form = FORMS[kind];
  const params = form ? form(fields, event) : {};
  const key = params.key ?? `event.${kind}`;
  return has(key) ? t(key, { camera: event.camera, ...params }) : `${kind.replaceAll("_", " ")} ${fields.text ?? ""}`.trim();
}

const because = (reason) => (reason ? ` (${word("cause", reason)})` : "");

const FORMS = {
  process_died: (f) => ({ process: f.process, how: f.how }),
  camera_state: (f) => ({ state: word("stream_state", f.state), because: because(f.reason) }),
  recording_state: (f) => ({ state: word("recording_state", f.state), because: because(f.reason), volume: f.volume ? ` → ${f.volume}` : "" }),
  record_wish: (f) => ({ key: f.wanted ? "event.wish_start" : "event.wish_stop", by: word("by", f.by) }),
  volume_state: (f) => ({ volume: f.volume, state: word("volume_state", f.state), reason: stateReason(f.state, f.reason) }),
  segment_missing: (f) => ({ path: f.path }),
  segment_damaged: (f) => ({ path: f.path, problem: f.problem }),
  protection_added: (f) => ({ who: f.who, why: f.why ? ` (${f.why})` : "" }),
  protection_removed: (f) => ({ who: f.who }),
  retention_pass: (f) => ({ volume: f.volume, n: f.files ?? 0, size: size(f.bytes ?? 0) }),
  writer_replaced: (f) => ({ why: word("writer_why", f.why), volume: f.volume, took: span((f.took ?? 0) / 1e9) }),
  alert: (f, { camera }) => (f.state === "ended" ? { key: "event.alert_ended", text: overText({ ...f, camera }) } : { key: "event.alert_raised", text: alertText({ ...f, camera }) }),
  clock_stepped: (f) => ({ offset: span(Math.abs(f.offset ?? 0) / 1e9), camera: f.camera ?? "" }),
  clock_corrected: (f) => ({ offset: span(Math.abs(f.offset ?? 0) / 1e9) }),
  config_applied: (f) => ({ keys: (f.changed ?? []).join(", ") }),
  config_refused: (f) => ({ problems: (f.problems ?? []).join("; ") }),
};
