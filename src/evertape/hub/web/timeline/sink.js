/** Bytes of footage in a `<video>`, where they belong in time: one Media Source, made anew when it has to show another day. */

import { pictures, videoTrack } from "./mp4.js";

const BEHIND_S = 20;
const SPAN_MS = 36 * 3600000;
const HOUR_MS = 3600000;

export class Sink {
  #source = null;
  #buffer = null;
  #origin = 0;
  #segment = null;

  /** The pictures that were appended, by time: `[{ pts, key }]`, in seconds of the video. */
  frames = [];

  constructor(video) {
    this.video = video;
  }

  /** An instant (ms) in seconds of the video, */
  media(at) {
    return (at - this.#origin) / 1000;
  }

  /** and back. */
  instant(seconds) {
    return this.#origin + seconds * 1000;
  }

  /** Whether pictures of `at` are there to be shown. */
  has(at) {
    const time = this.media(at);
    return this.#buffer !== null && ranges(this.video).some(([start, end]) => start - 0.001 <= time && time < end);
  }

  /** Where, in ms, what is there goes on behind `at`; `at` itself, if nowhere. */
  nextStart(at) {
    const time = this.media(at);
    const found = ranges(this.video).find(([start]) => start > time);
    return found ? this.instant(found[0]) : at;
  }

  /**
   * Append fragments that follow each other in a file: `run` says when each begins (`at`, ms), with how many `pictures`, and whether with
   * a `key` one.
   */
  async put({ id, mime, head, data, run }) {
    await this.#open(mime, run[0].at);
    const found = pictures(data, videoTrack(head));
    if (this.#segment !== id) {
      if (this.#buffer.mime !== mime) {
        this.#buffer.changeType(mime);
        this.#buffer.mime = mime;
      }
      this.#buffer.timestampOffset = this.media(run[0].at) - found[0].pts;
      this.#segment = id;
      await this.#append(head);
    }
    // First, because they can be seen and stepped through before the buffer says that it has them.
    this.#remember(found, run);
    await this.#append(data);
  }

  /** Forget what is long over, so that memory stays as it is. */
  async evict(at) {
    const limit = this.media(at) - BEHIND_S;
    if (!this.#buffer || this.#buffer.updating || !this.video.buffered.length || this.video.buffered.start(0) > limit - 10) return;
    const buffer = this.#buffer;
    await new Promise((resolve) => {
      buffer.addEventListener("updateend", resolve, { once: true });
      buffer.remove(0, limit);
    });
    this.frames = this.frames.filter((one) => one.pts >= limit);
  }

  /** Let go of everything. */
  clear() {
    this.#buffer = null;
    this.#segment = null;
    this.frames = [];
    if (this.#source) {
      this.video.removeAttribute("src");
      this.video.load();
    }
    this.#source = null;
  }

  #remember(found, run) {
    const added = found.map((one) => ({ pts: one.pts + this.#buffer.timestampOffset, key: false }));
    let first = 0;
    for (const fragment of run) {
      if (added[first]) added[first].key = fragment.key;
      first += fragment.pictures;
    }
    const [from, to] = [added[0].pts - 0.001, added.at(-1).pts + 0.001];
    this.frames = [...this.frames.filter((one) => one.pts < from || one.pts > to), ...added].sort((a, b) => a.pts - b.pts);
  }

  async #open(mime, near) {
    if (this.#buffer && Math.abs(near - this.#origin - SPAN_MS / 2) < SPAN_MS / 2 - HOUR_MS) return;
    this.clear();
    if (!("MediaSource" in window) || !MediaSource.isTypeSupported(mime)) throw Object.assign(new Error(mime), { unsupported: true });
    this.#origin = Math.floor(near / 1000) * 1000 - SPAN_MS / 2;
    this.#source = new MediaSource();
    this.video.src = URL.createObjectURL(this.#source);
    await new Promise((resolve, reject) => {
      this.#source.addEventListener("sourceopen", resolve, { once: true });
      this.video.addEventListener("error", () => reject(new Error(this.video.error?.message ?? "")), { once: true });
    });
    URL.revokeObjectURL(this.video.src);
    this.#source.duration = (SPAN_MS / 1000) * 2;
    this.#buffer = this.#source.addSourceBuffer(mime);
    this.#buffer.mime = mime;
  }

  #append(bytes) {
    const buffer = this.#buffer;
    return new Promise((resolve, reject) => {
      const done = (event) => {
        buffer.removeEventListener("updateend", done);
        buffer.removeEventListener("error", done);
        if (event.type === "error") reject(new Error("append"));
        else resolve();
      };
      buffer.addEventListener("updateend", done);
      buffer.addEventListener("error", done);
      buffer.appendBuffer(bytes);
    });
  }
}

function ranges(video) {
  return Array.from({ length: video.buffered.length }, (_, index) => [video.buffered.start(index), video.buffered.end(index)]);
}
