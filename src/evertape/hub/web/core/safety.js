/** What is wrong, the worst first, from the answers of `/status` and `/alerts`. */

import { alertText } from "./alerts.js";
import { labelOf, whyOf } from "./labels.js";

const FLOWING = new Set(["connected", "receiving"]);
const BEHIND_S = 10;
const RANK = { bad: 0, warn: 1 };
// Alerts that repeat what the state of cameras and volumes says itself.
const SEEN = new Set([
  "recording_retry", "recording_behind", "volume_slow", "volume_full", "volume_unusable",
  "camera_not_recording", "camera_login_refused", "camera_not_found",
]);

/** The stream that is recorded. */
export function mainStream(camera) {
  return camera.streams.find((stream) => stream.stream === "main") ?? null;
}

/** The role of the volume that a camera is recorded to. */
export function roleOf(status, name) {
  return status.volumes.find((volume) => volume.name === name)?.role ?? "";
}

/**
 * How a camera is, in one of: `recording`, `spilling` (onto a spill volume), `waiting` (it should be recorded, and is not),
 * `watching` (it is there, and not to be recorded), `off`, `starting`, `away` (not to be recorded, and not there), `disabled` (by the
 * configuration); with the cause.
 */
export function cameraState(camera, status) {
  if (camera.enabled === false) return { state: "disabled", cause: "" };
  const stream = mainStream(camera);
  const recording = camera.recording;
  if (!recording || !stream) return { state: "starting", cause: "" };
  const flowing = FLOWING.has(stream.state);
  if (recording.wanted) {
    if (recording.state === "recording" && flowing) {
      return { state: roleOf(status, recording.volume) === "spill" ? "spilling" : "recording", cause: "" };
    }
    const cause = (!flowing && stream.reason) || recording.reason || stream.reason;
    return { state: cause === "starting" || (!cause && stream.state === "connecting") ? "starting" : "waiting", cause };
  }
  if (flowing) return { state: "watching", cause: recording.reason };
  if (stream.state === "stopped") return { state: "off", cause: recording.reason };
  return { state: stream.reason ? "away" : "watching", cause: stream.reason || recording.reason };
}

/** `ok`, `warn`, `bad` or `idle`. */
export function severityOf(state) {
  return { recording: "ok", spilling: "warn", waiting: "bad", away: "warn", starting: "idle" }[state] ?? "idle";
}

/** A volume: `ok`, `warn` or `bad`. */
export function volumeSeverity(volume) {
  if (!volume.usable) return volume.role === "retired" || volume.state === "unknown" ? "warn" : "bad";
  return volume.state === "slow" ? "warn" : "ok";
}

/** `[{ severity, kind, key, params, camera?, volume?, cause?, since?, text? }]`; `key` and `params` are for `t`. */
export function problemsOf(status, alerts = []) {
  const found = [
    ...status.cameras.flatMap((camera) => ofCamera(camera, status)),
    ...status.volumes.flatMap(ofVolume),
    ...alerts.filter((alert) => !SEEN.has(alert.kind)).map(ofAlert),
  ];
  return found.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}

function ofCamera(camera, status) {
  const { state, cause } = cameraState(camera, status);
  const params = { name: camera.name || camera.id };
  const stream = mainStream(camera);
  // Of a camera that is well but not recorded, the last durable second says since when.
  const since = stream && FLOWING.has(stream.state) ? camera.recording?.durable_until : stream?.since;
  const about = { camera: camera.id, cause, since: since ?? null, params };
  const found = [];
  if (state === "waiting") found.push({ ...about, severity: "bad", kind: "camera_waiting", key: "wrong.camera_waiting" });
  if (state === "away") found.push({ ...about, severity: "warn", kind: "camera_away", key: "wrong.camera_away" });
  if (state === "spilling") found.push({ ...about, severity: "warn", kind: "camera_spilling", key: "wrong.camera_spilling",
    params: { ...params, volume: camera.recording.volume }, since: null });
  const age = camera.recording?.durable_age_s;
  if (state === "recording" && age !== null && age > BEHIND_S) {
    found.push({ ...about, severity: "warn", kind: "camera_behind", key: "wrong.camera_behind", params: { ...params, s: Math.round(age) }, since: null });
  }
  if (camera.day && camera.day.unexplained_s >= 1) {
    found.push({ ...about, severity: "warn", kind: "unexplained", key: "wrong.unexplained", cause: "unknown",
      params: { ...params, s: Math.round(camera.day.unexplained_s) }, since: null });
  }
  return found;
}

function ofVolume(volume) {
  const severity = volumeSeverity(volume);
  if (severity === "ok") return [];
  return [{
    severity, kind: volume.usable ? "volume_slow" : "volume_unusable", key: volume.usable ? "wrong.volume_slow" : "wrong.volume",
    params: { name: volume.name }, volume: volume.name, label: labelOf(volume), text: whyOf(volume), since: volume.since,
  }];
}

function ofAlert(alert) {
  return {
    severity: alert.severity === "critical" || alert.kind === "footage_damaged" ? "bad" : "warn", kind: alert.kind, key: "wrong.alert",
    params: { text: alertText(alert) }, camera: alert.camera || undefined, volume: alert.volume || undefined, since: alert.since ?? null, alert: alert.kind,
  };
}
