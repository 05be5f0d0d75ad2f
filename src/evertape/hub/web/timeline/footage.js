/** What there is of one camera to play: parts of files, their fragments, their bytes. Asked for as it is needed, and kept. */

import { api } from "../core/api.js";
import { isoMs, msIso } from "../core/time.js";

const AHEAD_MS = 15 * 60000;
const AROUND_MS = 60000;
const FRESH_MS = 900;
/** An open file may already hold what its list of fragments does not yet. */
const OPEN = "open";

export class Footage {
  #parts = [];
  #from = Infinity;
  #to = -Infinity;
  #fragments = new Map();
  #heads = new Map();
  #gaps = [];

  constructor(camera) {
    this.camera = camera;
  }

  /** The part that shows `at` (ms), and the next one after it; asks where nothing is known. */
  async locate(at, signal) {
    if (at < this.#from || at >= this.#to) await this.#load(at - AROUND_MS, at + AHEAD_MS);
    let found = this.known(at);
    // What is recorded right now ends where the last answer ended.
    if (!found.part && at > Date.now() - 3 * AROUND_MS) {
      await this.#load(at - AROUND_MS, at + AHEAD_MS);
      found = this.known(at);
    }
    signal?.throwIfAborted();
    return found;
  }

  /** The same, of what is known already. */
  known(at) {
    const part = this.#parts.find((one) => one.start <= at && at < one.end) ?? null;
    const next = this.#parts.find((one) => one.start > at) ?? null;
    return { part, next };
  }

  /** Whether it is known what there is at `at`. */
  knows(at) {
    return at >= this.#from && at < this.#to;
  }

  /** Everything may have changed: footage that two files hold is cut down to one, and comes home to other volumes. */
  forget() {
    this.#parts = [];
    this.#from = Infinity;
    this.#to = -Infinity;
    this.#fragments.clear();
    this.#heads.clear();
    this.#gaps = [];
  }

  /** The part right after `part`. */
  after(part) {
    return this.#parts.find((one) => one.start > part.start) ?? null;
  }

  /** Where known footage goes on after `at`; asks the index, however far it is. `null`: nowhere. */
  async nextFootage(at) {
    const { next } = this.known(at);
    if (next) return next.start;
    const answer = await this.what(at);
    return answer.next ? isoMs(answer.next) : null;
  }

  /** What there is at an instant: `/at`; a gap is kept. */
  async what(at) {
    const kept = this.#gaps.find((one) => one.start <= at && at < one.end && Date.now() - one.asked < 10000);
    if (kept) return kept.answer;
    const answer = await api.get(`/cameras/${encodeURIComponent(this.camera)}/at`, { t: msIso(at) });
    if (answer.gap) this.#gaps.push({ start: isoMs(answer.gap.start), end: isoMs(answer.gap.end), asked: Date.now(), answer });
    if (this.#gaps.length > 50) this.#gaps.shift();
    return answer;
  }

  /** The fragments of a part's file; asked anew while the file is being written, a second after the last time. */
  async fragments(part, { fresh = false } = {}) {
    const { id } = part.segment;
    let kept = this.#fragments.get(id);
    if (!kept || (fresh && !kept.closed && Date.now() - kept.asked > FRESH_MS)) {
      const answer = await api.get(`/segments/${id}/fragments`);
      kept = { ...answer, asked: Date.now(), fragments: answer.fragments.map((one) => ({ ...one, at: isoMs(one.start) })) };
      this.#fragments.set(id, kept);
      if (this.#fragments.size > 60) this.#fragments.delete(this.#fragments.keys().next().value);
      if (part.segment.state === OPEN) this.#grow(part, kept);
    }
    return kept;
  }

  /** The initialisation segment. */
  async head(part, size) {
    const { id } = part.segment;
    if (!this.#heads.has(id)) this.#heads.set(id, await this.bytes(part, 0, size - 1));
    return this.#heads.get(id);
  }

  bytes(part, start, end, signal) {
    return api.bytes(`/segments/${part.segment.id}/file`, start, end, signal);
  }

  // An open part reaches as far as its last fragment.
  #grow(part, kept) {
    const last = kept.fragments.at(-1);
    if (last) part.end = Math.max(part.end, last.at + last.seconds * 1000);
  }

  async #load(from, to) {
    const answer = await api.get(`/cameras/${encodeURIComponent(this.camera)}/segments`, { start: msIso(from), end: msIso(to) });
    const old = new Map(this.#parts.map((one) => [`${one.segment.id}/${one.start}`, one]));
    this.#parts = answer.parts.map((one) => {
      const part = { segment: one.segment, start: isoMs(one.start), end: isoMs(one.end) };
      const kept = old.get(`${part.segment.id}/${part.start}`);
      // The same object stays the same part, for who is in the middle of it.
      return kept ? Object.assign(kept, { segment: part.segment, end: Math.max(kept.segment.state === OPEN ? kept.end : 0, part.end) }) : part;
    });
    this.#from = from;
    this.#to = Math.min(answer.next ? isoMs(answer.next) : to, Math.max(from, Date.now() - 2000));
  }
}
