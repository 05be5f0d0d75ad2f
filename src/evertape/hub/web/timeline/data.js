/** Spans of the time line, kept by window and resolution, so that moving to and fro asks nothing twice. */

import { api } from "../core/api.js";
import { isoMs, msIso } from "../core/time.js";

const KEPT = 400;
const FRESH_MS = 4000;
/** The index follows by some seconds, and what is newer than this may yet turn out to be a gap. */
const SETTLED_MS = 120000;
/** What is older changes too: footage comes home, or is deleted. */
const OLD_MS = 60000;

/** The spans of one camera in an answer of `/timeline`: `{ kind, start, end, volume, spilled, segments, cause, lasts }`, times in ms. */
export function spansOf(answer, camera) {
  const one = answer.cameras?.find((each) => each.camera === camera) ?? answer;
  return (one.spans ?? []).map((span) => ({ ...span, start: isoMs(span.start), end: isoMs(span.end) }));
}

/** How many seconds share a pixel, in steps: the finer the closer. */
export function resolutionFor(msPerPixel) {
  return 2 ** Math.ceil(Math.log2(Math.max(0.001, msPerPixel / 1000)));
}

/** Asks for tiles of 512 pixels and keeps them; a `change` event tells that one has come. */
export class SpanStore extends EventTarget {
  #tiles = new Map();

  /** What is known of `camera` in `[start, end]`; what is missing is asked for. */
  spans(camera, start, end, msPerPixel) {
    const resolution = resolutionFor(msPerPixel);
    const length = resolution * 512 * 1000;
    const found = [];
    for (let index = Math.floor(start / length); index * length < end; index += 1) {
      const from = index * length;
      if (from > Date.now()) break;
      const tile = this.#tile(camera, resolution, from, from + length);
      found.push(...(tile.spans ?? this.#coarser(camera, resolution, from, from + length)));
    }
    return found;
  }

  /** What may have changed is asked for again when it is next drawn; with `all`, everything. */
  refresh(all = false) {
    const now = Date.now();
    for (const tile of this.#tiles.values()) if (all || tile.end > tile.asked - SETTLED_MS || now - tile.asked > OLD_MS) tile.stale = true;
  }

  // While a tile is on its way, the next coarser one that is known stands for it.
  #coarser(camera, resolution, start, end) {
    for (let step = resolution * 2; step <= resolution * 64; step *= 2) {
      const length = step * 512 * 1000;
      const tile = this.#tiles.get(`${camera}/${step}/${Math.floor(start / length) * length}`);
      if (tile?.spans) return tile.spans.filter((one) => one.end > start && one.start < end);
    }
    return [];
  }

  #tile(camera, resolution, start, end) {
    const key = `${camera}/${resolution}/${start}`;
    let tile = this.#tiles.get(key);
    if (tile) {
      this.#tiles.delete(key);
      this.#tiles.set(key, tile);
    } else {
      tile = { spans: null, asked: 0, end, busy: false, stale: true };
      this.#tiles.set(key, tile);
      if (this.#tiles.size > KEPT) this.#tiles.delete(this.#tiles.keys().next().value);
    }
    if (tile.stale && !tile.busy && Date.now() - tile.asked > (tile.spans ? FRESH_MS : 1000)) this.#ask(tile, camera, resolution, start, end);
    return tile;
  }

  async #ask(tile, camera, resolution, start, end) {
    tile.busy = true;
    tile.asked = Date.now();
    try {
      const until = Math.min(end, tile.asked);
      const answer = await api.get("/timeline", { camera, start: msIso(start), end: msIso(until), resolution });
      tile.spans = spansOf(answer, camera);
      tile.stale = false;
      this.dispatchEvent(new Event("change"));
    } catch {
      // Asked again when it is next drawn.
    }
    tile.busy = false;
  }
}
