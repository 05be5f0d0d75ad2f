/** Honest colours: each kind of span has one, and a pattern with it, so that nobody needs to tell colours apart. */

const FAMILY = {
  starting: "camera", camera_unreachable: "camera", stream_stalled: "camera", stream_damaged: "camera", auth_failed: "camera",
  stream_not_found: "camera", codec_unsupported: "camera", camera_error: "camera", stream_in_use: "camera",
  storage_missing: "storage", storage_wrong_volume: "storage", storage_full: "storage", storage_denied: "storage",
  storage_read_only: "storage", storage_io_error: "storage", storage_hung: "storage", storage_slow: "storage",
  process_crash: "program", out_of_memory: "program", recorder_hung: "program", host_down: "program", internal_error: "program",
  service_stopped: "wanted", settings_changed: "wanted", stopped_by_person: "wanted", outside_schedule: "wanted", not_asked_for: "wanted",
  evicted_by_retention: "wanted", removed_by_person: "wanted", clock_jump: "wanted",
  footage_missing: "damage", footage_damaged: "damage",
};

/** In the order of the legend. */
export const KINDS = ["recorded", "spilled", "camera", "storage", "program", "damage", "unknown", "wanted"];

/** What a span is drawn as: `recorded`, `spilled`, or the family of a gap's cause. */
export function kindOf(span) {
  if (span.kind === "recorded") return span.spilled ? "spilled" : "recorded";
  return FAMILY[span.cause] ?? "unknown";
}

/** Which wins where several share a pixel: what is wrong is never hidden by what is well. */
export const WEIGHT = { recorded: 0, spilled: 1, wanted: 2, program: 4, camera: 5, storage: 6, damage: 7, unknown: 8 };

const PATTERN = {
  recorded: null, spilled: "dots", camera: "rising", storage: "falling", program: "bars", damage: "cross", unknown: "checks", wanted: null,
};

/** Paints for one look (light or dark): `paint(kind)` is a fill for a canvas context. Made anew when the look changes. */
export class Paints {
  #fills = new Map();

  constructor() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).trim();
    this.colour = Object.fromEntries(KINDS.map((kind) => [kind, read(`--tl-${kind}`)]));
    for (const name of ["ink", "empty"]) this[name] = read(`--tl-${name}`);
    for (const name of ["text", "soft", "faint", "line", "surface", "accent", "line-strong", "sunken"]) this[name] = read(`--${name}`);
    this.font = read("--font");
  }

  fill(context, kind) {
    if (!this.#fills.has(kind)) this.#fills.set(kind, this.#make(context, kind));
    return this.#fills.get(kind);
  }

  #make(context, kind) {
    const pattern = PATTERN[kind];
    if (!pattern) return this.colour[kind];
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.fillStyle = this.colour[kind];
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = pen.fillStyle = this.ink;
    pen.globalAlpha = 0.55;
    pen.lineWidth = 1.6;
    DRAW[pattern](pen);
    return context.createPattern(tile, "repeat");
  }
}

function lines(pen, ...pairs) {
  pen.beginPath();
  for (const [x1, y1, x2, y2] of pairs) {
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
  }
  pen.stroke();
}

const rising = [[-1, 9, 9, -1], [-1, 1, 1, -1], [7, 9, 9, 7]];
const falling = [[-1, -1, 9, 9], [7, -1, 9, 1], [-1, 7, 1, 9]];
const DRAW = {
  dots: (pen) => { pen.fillRect(1, 1, 2, 2); pen.fillRect(5, 5, 2, 2); },
  rising: (pen) => lines(pen, ...rising),
  falling: (pen) => lines(pen, ...falling),
  bars: (pen) => lines(pen, [2, 0, 2, 8], [6, 0, 6, 8]),
  cross: (pen) => lines(pen, ...rising, ...falling),
  checks: (pen) => { pen.fillRect(0, 0, 4, 4); pen.fillRect(4, 4, 4, 4); },
};

/**
 * Draw spans into a row, `width` pixels wide from `start` to `end` (ms). Spans narrower than a pixel get a whole one (a gap two),
 * and what weighs more is drawn last.
 */
export function drawRow(context, paints, spans, { start, end, width, x = 0, y, height }) {
  const scale = width / (end - start);
  const sorted = spans.map((span) => ({ span, kind: kindOf(span) })).sort((a, b) => WEIGHT[a.kind] - WEIGHT[b.kind]);
  for (const { span, kind } of sorted) {
    const from = Math.max(0, (span.start - start) * scale);
    const to = Math.min(width, (span.end - start) * scale);
    if (to < 0 || from > width) continue;
    const least = kind === "recorded" || kind === "wanted" ? 1 : 2;
    const thin = kind === "wanted";
    context.fillStyle = paints.fill(context, kind);
    context.fillRect(x + from, thin ? y + height / 2 - 2 : y, Math.max(least, to - from), thin ? 4 : height);
  }
}
