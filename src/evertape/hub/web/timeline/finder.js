/** The next or previous gap or event of some cameras, however far it is. */

import { api } from "../core/api.js";
import { t, when, word } from "../core/i18n.js";
import { eventText, SHOWN_KINDS } from "../core/events.js";
import { isoMs, msIso } from "../core/time.js";

const DAY_MS = 86400000;
const REACH = [DAY_MS / 24, DAY_MS, 30 * DAY_MS, 399 * DAY_MS];
const CLEAR_MS = 400;
const EVENTS = SHOWN_KINDS;

export class Finder {
  #stopped = false;

  stop() {
    this.#stopped = true;
  }

  /** `{ at, text }`, or `null`. `what`: `gap`, `event`, `first` (where footage begins). */
  async find(what, cameras, at, direction) {
    const look = { gap: gaps, event: events, first }[what];
    for (const reach of what === "first" ? [REACH.at(-1)] : REACH) {
      if (this.#stopped) return null;
      const from = direction > 0 ? at + CLEAR_MS : at - reach;
      const to = direction > 0 ? Math.min(at + reach, Date.now()) : at - CLEAR_MS;
      if (from >= to) return null;
      const found = await look(cameras, from, to, direction);
      const fit = found.filter((one) => one.at >= from && one.at <= to).sort((a, b) => (a.at - b.at) * direction);
      if (fit.length) return fit[0];
    }
    return null;
  }
}

async function gaps(cameras, from, to) {
  const resolution = (to - from) / DAY_MS > 2 ? 1 : 0;
  const answer = await api.get("/timeline", { camera: cameras, start: msIso(from), end: msIso(to), resolution });
  return answer.cameras.flatMap((one) => one.spans.filter((span) => span.kind === "gap" && !span.on_purpose)
    .map((span) => ({ at: isoMs(span.start), text: `${when(span.start)} ${word("cause", span.cause)}` })));
}

async function events(cameras, from, to, direction) {
  const answer = await api.get("/events", { camera: cameras, kind: EVENTS, after: msIso(from), before: msIso(to), limit: direction > 0 ? 1000 : 1 });
  return answer.events.map((event) => ({ at: isoMs(event.at), text: `${when(event.at)} ${eventText(event)}` }));
}

async function first(cameras, from, to) {
  const answer = await api.get("/timeline", { camera: cameras, start: msIso(from), end: msIso(to), resolution: 60 });
  return answer.cameras.flatMap((one) => one.spans.filter((span) => span.kind === "recorded").slice(0, 1).map((span) => ({ at: isoMs(span.start), text: t("tl.first") })));
}
