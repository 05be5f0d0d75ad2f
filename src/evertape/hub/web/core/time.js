/** Instants: numbers of milliseconds since 1970 in here, ISO 8601 with any number of digits outside. */

const ISO = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?$/;

/** Milliseconds, with their fraction, of `2026-11-24T15:50:16.123456789Z`; `NaN` if it is none. */
export function isoMs(text) {
  if (typeof text === "number") return text;
  const match = ISO.exec(text ?? "");
  if (!match) return Number.NaN;
  return Date.parse(match[1] + (match[3] ?? "Z")) + (match[2] ? Number(match[2]) * 1000 : 0);
}

/** The other way round, to the microsecond. */
export function msIso(ms) {
  const whole = Math.floor(ms / 1000) * 1000;
  const micros = Math.floor((ms - whole) * 1000);
  return `${new Date(whole).toISOString().slice(0, 19)}.${String(micros).padStart(6, "0")}Z`;
}

/** What `<input type="datetime-local">` wants, in the browser's zone. */
export function localInput(ms) {
  const date = new Date(ms);
  const shifted = new Date(ms - date.getTimezoneOffset() * 60000);
  return shifted.toISOString().slice(0, 19);
}

/** And back. */
export function fromLocalInput(text) {
  return text ? new Date(text).getTime() : Number.NaN;
}
