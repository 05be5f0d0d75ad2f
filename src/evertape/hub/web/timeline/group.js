/** Several cameras, one clock: where all of them are, how fast it goes, and when it waits for one of them. */

import { Track } from "./track.js";

const TICK_MS = 50;
/** How long the card of a gap is shown before playing goes on behind it. */
const CARD_MS = 1600;
/** What is newer than this may not be on a disk yet. */
const EDGE_MS = 1500;

export class PlayGroup extends EventTarget {
  #at = Date.now() - 60000;
  #since = 0;
  #playing = false;
  #rate = 1;
  #holding = false;
  #timer = null;
  #gapSince = null;
  #jumping = false;
  #tricks = 0;

  /** By camera. */
  tracks = new Map();

  /** The instant that is shown, ms. */
  get at() {
    if (!this.#playing || this.#holding) return this.#at;
    return Math.min(this.#at + (performance.now() - this.#since) * this.#rate, Math.max(this.#at, Date.now() - EDGE_MS));
  }

  get playing() {
    return this.#playing;
  }

  get rate() {
    return this.#rate;
  }

  /** It would go on, but one of the cameras has no pictures yet. */
  get waiting() {
    return this.#playing && this.#holding;
  }

  /** Show these cameras: `[[id, video]]`. */
  show(cameras) {
    const wanted = new Map(cameras);
    for (const [camera, track] of this.tracks) {
      if (wanted.get(camera) === track.video) continue;
      track.close();
      this.tracks.delete(camera);
    }
    for (const [camera, video] of wanted) {
      if (this.tracks.has(camera)) continue;
      const track = new Track(camera, video);
      track.addEventListener("state", () => this.dispatchEvent(new CustomEvent("track", { detail: track })));
      // Not to wait for the next tick is what makes a click feel at once.
      track.addEventListener("more", () => this.#tick());
      this.tracks.set(camera, track);
      track.seek(this.at);
    }
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  close() {
    clearInterval(this.#timer);
    this.#timer = null;
    for (const track of this.tracks.values()) track.close();
    this.tracks.clear();
  }

  /** Go to an instant. */
  seek(at) {
    this.#set(Math.min(at, Date.now() - 300));
    this.#gapSince = null;
    for (const track of this.tracks.values()) track.seek(this.#at);
    this.dispatchEvent(new Event("time"));
    this.#tick();
  }

  play() {
    if (this.#playing) return;
    this.#playing = true;
    this.#since = performance.now();
    this.dispatchEvent(new Event("playing"));
  }

  pause() {
    if (!this.#playing) return;
    this.#set(this.at);
    this.#playing = false;
    this.dispatchEvent(new Event("playing"));
  }

  setRate(rate) {
    this.#set(this.at);
    this.#rate = rate;
    for (const track of this.tracks.values()) track.rateChanged();
    this.dispatchEvent(new Event("playing"));
  }

  /** One picture on or back, of the first camera that has one; the others follow. */
  step(direction) {
    this.pause();
    for (const track of this.tracks.values()) {
      const at = track.neighbour(this.#at, direction);
      if (at === null) continue;
      this.#set(at);
      for (const one of this.tracks.values()) if (one.has(at)) one.seek(at);
      this.dispatchEvent(new Event("time"));
      return;
    }
    // Not loaded: a tenth of a second is near enough to have it loaded.
    this.seek(this.#at + direction * 100);
  }

  #set(at) {
    this.#at = at;
    this.#since = performance.now();
  }

  #tick() {
    if (!this.tracks.size) return;
    const at = this.at;
    let ready = true;
    for (const track of this.tracks.values()) if (!track.follow(at, this.#rate, this.#playing && !this.#holding)) ready = false;
    const tricks = [...this.tracks.values()].filter((track) => track.trick).length;
    if (tricks !== this.#tricks) {
      this.#tricks = tricks;
      this.dispatchEvent(new Event("playing"));
    }
    if (this.#playing && ready === this.#holding) {
      this.#set(at);
      this.#holding = !ready;
      this.dispatchEvent(new Event("playing"));
    } else if (this.#playing && at - this.#at > 1000) this.#set(at);
    if (this.#playing) {
      this.#overGaps(at);
      this.dispatchEvent(new Event("time"));
    }
  }

  // Where no camera has footage there is nothing to wait for: the card says why, then it goes on behind.
  #overGaps(at) {
    const tracks = [...this.tracks.values()];
    if (!tracks.every((track) => track.state === "gap")) {
      this.#gapSince = null;
      return;
    }
    this.#gapSince ??= performance.now();
    if (this.#jumping || performance.now() - this.#gapSince < CARD_MS) return;
    this.#jumping = true;
    Promise.all(tracks.map((track) => track.footage.nextFootage(at).catch(() => null)))
      .then((starts) => {
        const there = starts.filter((start) => start !== null && start > at);
        if (!this.#playing) return;
        if (there.length) this.seek(Math.min(...there) + 1);
        else this.pause();
      })
      .finally(() => { this.#jumping = false; });
  }
}
