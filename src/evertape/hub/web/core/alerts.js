/** What an alert says, in the reader's language: made anew of its kind and its values. The service's own text is English. */

import { feed } from "./feed.js";
import { has, number, size, t, word } from "./i18n.js";
import { lowLabel } from "./labels.js";

/** The text of an alert, `{ kind, camera, volume, text, detail }`; the service's own where it is of a kind or of values that are not known here. */
export function alertText(alert) {
  return worded(BEGAN[alert.kind]?.(aboutOf(alert)), alert);
}

/** The text of its end. */
export function overText(alert) {
  const about = aboutOf(alert);
  const key = about.why ? `alert_over.${about.why}_${alert.camera ? "camera" : "volume"}` : `alert_over.${alert.kind}`;
  return worded([key, about], alert);
}

function aboutOf({ camera, volume, detail }) {
  return { ...detail, camera: feed.camera(camera)?.name || camera, volume };
}

function worded(found, { text }) {
  const [key, params] = found ?? [];
  if (!key || !has(key)) return text ?? "";
  const said = t(key, params);
  // A value that an older version did not send.
  return /\{\w+\}|undefined/.test(said) ? text || said : said;
}

const ofCause = ({ camera, cause }) => (has(`cause.${cause}`) ? { camera, cause: word("cause", cause), what: t(`cause.${cause}.what`), todo: t(`cause.${cause}.todo`) } : {});

/** By kind: the key of the text, and what stands in it. */
const BEGAN = {
  // The cause's own words of storage are of the gap that comes of it later, when memory is full.
  camera_not_recording: (about) => [String(about.cause).startsWith("storage_") ? "alert.camera_in_memory" : "alert.camera_not_recording", ofCause(about)],
  camera_login_refused: (about) => ["alert.camera_login_refused", ofCause({ cause: "auth_failed", ...about })],
  camera_not_found: (about) => ["alert.camera_not_found", ofCause({ cause: "stream_not_found", ...about })],
  recording_retry: ({ camera, attempts }) => ["alert.recording_retry", { camera, attempts }],
  recording_behind: ({ waiting, budget }) => (budget ? ["alert.recording_behind", { waiting: size(waiting), budget: size(budget) }] : null),
  volume_slow: ({ volume }) => ["alert.volume_slow", { volume }],
  volume_full: ({ volume, free }) => (free === undefined ? null : ["alert.volume_full", { volume, free: size(free) }]),
  volume_unusable: ({ volume, trouble, goes_on_with: place }) => (has(`trouble.${trouble}`)
    ? [place ? "alert.volume_unusable" : "alert.volume_unusable_memory", { volume, place, label: trouble === "low_space" ? lowLabel() : t(`trouble.${trouble}`), why: t(`volume_why.${trouble}`), todo: t(`trouble_todo.${trouble}`) }]
    : null),
  footage_damaged: ({ path, problem, on }) => ["alert.footage_damaged", { path, problem, volume: on }],
  volume_forecast: ({ volume, days, least }) => (days === undefined ? null : ["alert.volume_forecast", { volume, days: number(days, 1), least: number(least, least % 1 ? 1 : 0) }]),
};
