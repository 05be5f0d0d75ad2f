/**
 * One camera's recorded pictures in a `<video>`, by Media Source Extensions: bytes of the files as they are, appended where they belong
 * in time. It never decides when: `follow(at, rate, playing)` is called by the one clock of all cameras, some times a second.
 */

import { Footage } from "./footage.js";
import { Sink } from "./sink.js";

const AHEAD_S = 8;
const PIECE_BYTES = 1.5e6;
const FIRST_MS = 300;
const SEEK_DRIFT_S = 0.35;
/** A decoder that drops this share of the pictures, or is this far behind, gets keyframes only. */
const DROPPED = 0.25;
const TRICK_FROM = 2;
const STEP_SLACK_S = 0.002;
const TAIL_MS = 600;
const ASK_MS = 400;
/** So long the recording may be waited for at its newest end before it is asked what is the matter. */
const EDGE_MS = 15000;
const GONE_TRIES = 3;
const AGAIN_MS = 2000;

export class Track extends EventTarget {
  #position = null; // where the next bytes come from: { part, index }
  #pumping = null;
  #abort = new AbortController();
  #wanted = null;
  #appendedTo = -Infinity;
  #dropped = { total: 0, dropped: 0, at: 0 };
  #passed = 0;
  #asked = 0;
  #searched = 0;
  #failures = 0;

  /** `playing`, `waiting` (bytes are on their way), `gap`, `edge` (not recorded yet), `failed`. */
  state = "waiting";
  /** The answer of `/at` while in a gap. */
  gap = null;
  /** Only keyframes are shown, because the decoder does not keep up. */
  trick = false;
  error = null;

  constructor(camera, video) {
    super();
    this.camera = camera;
    this.video = video;
    this.footage = new Footage(camera);
    this.sink = new Sink(video);
  }

  close() {
    this.#abort.abort();
    this.sink.clear();
  }

  /** Go to `at` (ms): forget what is not near, and load what shows it. */
  seek(at) {
    this.#wanted = at;
    this.trick = false;
    this.#passed = 0;
    this.#asked = 0;
    if (this.has(at)) {
      this.video.currentTime = this.sink.media(at);
      return;
    }
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#position = null;
    this.#appendedTo = -Infinity;
    this.#state("waiting");
  }

  /** Whether pictures of `at` are there to be shown. */
  has(at) {
    return this.sink.has(at);
  }

  /** The next (`+1`) or previous (`-1`) picture's instant from `at` on, in ms; `null`: not loaded. */
  neighbour(at, direction) {
    const now = this.sink.media(at);
    const times = this.sink.frames.filter((one) => this.sink.has(this.sink.instant(one.pts + STEP_SLACK_S)));
    const shown = times.findLast((one) => one.pts <= now + STEP_SLACK_S)?.pts ?? now;
    const found = direction > 0
      ? times.find((one) => one.pts > shown + STEP_SLACK_S)
      : times.findLast((one) => one.pts < shown - STEP_SLACK_S);
    return found ? this.sink.instant(found.pts + STEP_SLACK_S) : null;
  }

  /** Be where the clock is. `false`: not there yet, the clock should wait. */
  follow(at, rate, playing) {
    if (this.state !== "failed") this.#pump(at, rate);
    if (!this.has(at)) {
      this.#pause();
      if (this.state === "failed" || (this.state === "gap" && !this.#position)) return true;
      // A hole within what was appended; else the clock waits.
      const hole = this.#appendedTo > at + 200;
      if (hole) this.#inHole(at);
      return hole;
    }
    if (this.state === "failed") {
      this.#pause();
      return true;
    }
    this.#state("playing");
    const now = this.sink.media(at);
    const drift = this.video.currentTime - now;
    if (!playing || this.trick) {
      this.#pause();
      if (this.trick && playing) this.#toKeyframe(at);
      else if (Math.abs(drift) > 0.02 && !this.video.seeking) this.video.currentTime = now;
      return true;
    }
    this.#watchDecoder(rate, drift);
    if (Math.abs(drift) > SEEK_DRIFT_S * Math.max(1, rate)) {
      if (!this.video.seeking) this.video.currentTime = now;
    } else {
      const nudged = rate * (1 - Math.max(-0.1, Math.min(0.1, drift / Math.max(1, rate))));
      if (Math.abs(this.video.playbackRate - nudged) > 0.01 * rate) this.video.playbackRate = Math.min(16, Math.max(0.1, nudged));
    }
    if (this.video.paused) this.video.play().catch(() => null);
    return true;
  }

  // Over a short one the last picture stands. A long one is a gap that the list of parts did not know of yet.
  async #inHole(at) {
    if (this.sink.nextStart(at) - at < TAIL_MS || performance.now() - this.#asked < ASK_MS) return;
    this.#asked = performance.now();
    const answer = await this.footage.what(at).catch(() => null);
    if (answer?.kind !== "gap" || this.has(at)) return;
    this.gap = answer;
    this.#state("gap");
  }

  // -- the picture ----------------------------------------------------------------------------------------

  #pause() {
    if (!this.video.paused) this.video.pause();
  }

  #watchDecoder(rate, drift) {
    const quality = this.video.getVideoPlaybackQuality();
    const now = performance.now();
    if (now - this.#dropped.at < 1500) return;
    const total = quality.totalVideoFrames - this.#dropped.total;
    const share = total > 0 ? (quality.droppedVideoFrames - this.#dropped.dropped) / total : 0;
    const measured = this.#dropped.at > 0 && now - this.#dropped.at < 3000;
    this.#dropped = { total: quality.totalVideoFrames, dropped: quality.droppedVideoFrames, at: now };
    if (measured && rate >= TRICK_FROM && (share > DROPPED || drift < -0.3 * rate)) this.trick = true;
  }

  #toKeyframe(at) {
    if (this.video.seeking) return;
    const key = this.sink.frames.findLast((one) => one.key && one.pts <= this.sink.media(at));
    if (key && Math.abs(key.pts + STEP_SLACK_S - this.video.currentTime) > 0.01) this.video.currentTime = key.pts + STEP_SLACK_S;
  }

  /** The rate has changed: the decoder gets its chance again. */
  rateChanged() {
    this.trick = false;
    this.#dropped = { total: 0, dropped: 0, at: 0 };
  }

  // -- the bytes ------------------------------------------------------------------------------------------

  #pump(at, rate) {
    if (this.#pumping) return;
    const { signal } = this.#abort;
    this.#pumping = this.#load(at, rate, signal)
      .then(() => { this.#failures = 0; })
      .catch((error) => {
        if (!signal.aborted) this.#failed(error, at);
      })
      .finally(() => { this.#pumping = null; });
  }

  // A file that is gone was known too long: what there is now is asked for first, and only then is it a failure.
  #failed(error, at) {
    this.#failures += 1;
    const gone = error.status === 404;
    if (gone) this.footage.forget();
    // A decoder that gave up takes nothing any more.
    if (this.video.error) this.sink.clear();
    this.#position = null;
    const again = () => !this.#abort.signal.aborted && this.state !== "playing" && this.seek(this.#wanted > at ? this.#wanted : at);
    if (gone && this.#failures <= GONE_TRIES) return;
    this.error = error;
    this.#state("failed");
    setTimeout(again, AGAIN_MS);
  }

  async #load(at, rate, signal) {
    if (!this.#position) await this.#begin(at, signal);
    if (!this.#position) return;
    await this.sink.evict(at);
    const wish = AHEAD_S * Math.max(1, Math.min(rate, 8)) * 1000;
    if (this.#appendedTo > at + wish) return;
    await this.#append(at, signal);
  }

  async #begin(now, signal) {
    // The last picture of a part that was left is over some milliseconds before the part is.
    const at = now < this.#passed && this.#passed - now < TAIL_MS ? this.#passed : now;
    const { part } = await this.footage.locate(at, signal);
    if (!part) {
      if (performance.now() - this.#asked < ASK_MS) return;
      this.#asked = performance.now();
      const answer = await this.footage.what(at);
      signal.throwIfAborted();
      // At the very edge of a file the index and the list of files may differ by a rounding.
      if (answer.kind === "recorded") this.#passed = at + TAIL_MS / 4;
      this.gap = answer;
      this.#state(answer.kind === "gap" || answer.kind === "nothing" ? "gap" : "edge");
      return;
    }
    const { fragments } = await this.footage.fragments(part, { fresh: true });
    signal.throwIfAborted();
    let index = fragments.findLastIndex((one) => one.at <= at && one.key);
    if (index < 0) index = fragments.findIndex((one) => one.key);
    if (index < 0) return;
    this.gap = null;
    this.#position = { part, index };
    if (this.state !== "playing") this.#state("waiting");
  }

  /** One request's worth of fragments that follow each other in the file. */
  async #append(at, signal) {
    const { part, index } = this.#position;
    const file = await this.footage.fragments(part, { fresh: index >= (await this.footage.fragments(part)).fragments.length });
    // The first piece is as small as can be: what shows this instant.
    const enough = this.#appendedTo < at ? at + FIRST_MS : Infinity;
    const run = this.#run(file.fragments, index, part, enough);
    if (!run.length) {
      await this.#next(at, part, file, signal);
      return;
    }
    const last = run.at(-1);
    const [head, data] = await Promise.all([
      this.footage.head(part, file.head), this.footage.bytes(part, run[0].offset, last.offset + last.size - 1, signal),
    ]);
    signal.throwIfAborted();
    await this.sink.put({ id: part.segment.id, mime: file.mime, head, data, run });
    signal.throwIfAborted();
    this.#position = { part, index: index + (this.trick ? Math.max(1, file.fragments.indexOf(last) - index + 1) : run.length) };
    this.#appendedTo = last.at + last.seconds * 1000;
    this.dispatchEvent(new Event("more"));
  }

  #run(fragments, index, part, enough) {
    const run = [];
    let bytes = 0;
    for (let one = index; one < fragments.length; one += 1) {
      const fragment = fragments[one];
      if (fragment.at >= part.end + 1) break;
      if (this.trick && !fragment.key) {
        if (run.length) break;
        continue;
      }
      if (run.length && (bytes + fragment.size > PIECE_BYTES || fragment.at > enough)) break;
      run.push(fragment);
      bytes += fragment.size;
    }
    return run;
  }

  // The file is used up: on to the next part, or wait for the recording, or leave into a gap.
  async #next(at, part, file, signal) {
    const next = this.footage.after(part);
    if (next && next.start <= part.end + TAIL_MS) {
      const { fragments } = await this.footage.fragments(next);
      signal.throwIfAborted();
      const first = fragments.findIndex((one) => one.key && one.at + one.seconds * 1000 > next.start);
      this.#position = { part: next, index: Math.max(0, first) };
      return;
    }
    // A gap is shown when the clock is in it, not before.
    if (at < this.#appendedTo - 150) return;
    if (next) this.#leave(part);
    else if (Date.now() - at > EDGE_MS) {
      // Whether it is over, the index knows: a new file may have been begun meanwhile.
      if (performance.now() - this.#searched < 1000) return;
      this.#searched = performance.now();
      const { part: found } = await this.footage.locate(part.end + TAIL_MS, signal);
      if (!this.footage.after(part) && !found) this.#leave(part);
    } else {
      this.#state("edge");
      if (file.closed) await this.footage.locate(Date.now() - EDGE_MS / 15, signal);
    }
  }

  #leave(part) {
    this.#passed = part.end + 1;
    this.#position = null;
    this.#appendedTo = -Infinity;
  }

  #state(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
