/** The time line's scale: which ticks, and what is written at them. Pure but for the browser's time zone. */

const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;

export const SHORTEST_MS = 2 * S;
export const LONGEST_MS = 400 * D;

const STEPS = [
  [S / 10, 10], [S / 2, 5], [S, 5], [5 * S, 5], [10 * S, 5], [30 * S, 3], [MIN, 6], [5 * MIN, 5], [10 * MIN, 5], [30 * MIN, 3],
  [H, 6], [3 * H, 3], [6 * H, 6], [12 * H, 4], [D, 4], [2 * D, 2], [7 * D, 7],
];

/** `{ ticks: [{ at, major, midnight }], step }`: major ones at least `room` pixels apart, in local time. */
export function ticks(start, end, width, room = 90) {
  const least = ((end - start) / width) * room;
  if (least > 7 * D) return monthTicks(start, end, least);
  const [step, parts] = STEPS.find(([length]) => length >= least) ?? STEPS.at(-1);
  const minor = step / parts;
  const found = [];
  // Whole hours and days are those of the place, whose distance from UTC changes in spring and autumn.
  for (let at = floorLocal(start, minor); at <= end; at = nextLocal(at, minor)) {
    const since = sinceMidnight(at);
    const major = step >= D ? since === 0 && dayNumber(at) % Math.round(step / D) === 0 : since % step < minor / 2;
    if (at >= start - step) found.push({ at, major, midnight: since === 0 });
  }
  return { ticks: found, step };
}

function monthTicks(start, end, least) {
  const every = least > 60 * D ? 3 : least > 25 * D ? 2 : 1;
  const found = [];
  const date = new Date(start);
  date.setDate(1);
  date.setHours(0, 0, 0, 0);
  for (; date.getTime() <= end; date.setMonth(date.getMonth() + 1)) {
    found.push({ at: date.getTime(), major: date.getMonth() % every === 0, midnight: true });
  }
  return { ticks: found, step: 30 * D };
}

function sinceMidnight(at) {
  const date = new Date(at);
  return date.getHours() * H + date.getMinutes() * MIN + date.getSeconds() * S + date.getMilliseconds();
}

function dayNumber(at) {
  const date = new Date(at);
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / D);
}

function floorLocal(at, step) {
  if (step < D) return at - (sinceMidnight(at) % step);
  const date = new Date(at);
  date.setHours(0, 0, 0, 0);
  return date.getTime();
}

function nextLocal(at, step) {
  if (step < H) return at + step;
  // From a bit later than the step, so that a day of 23 or 25 hours does not shift the rest.
  return floorLocal(at + step + (step >= D ? 2 * H : step / 3), step);
}

/** What is written at a major tick, for `Intl.DateTimeFormat`. */
export function labelOptions(step, midnight) {
  if (step >= 28 * D) return { month: "short", year: "numeric" };
  if (step >= D) return { day: "numeric", month: "short" };
  if (midnight) return { weekday: "short", day: "numeric", month: "short" };
  if (step >= MIN) return { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (step >= S) return { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return { minute: "2-digit", second: "2-digit", fractionalSecondDigits: 1 };
}
