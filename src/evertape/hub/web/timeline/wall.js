/** The pictures above the time line: one for each chosen camera, with a card where there is none. */

import { api } from "../core/api.js";
import { fill, h, keyed, say } from "../core/dom.js";
import { clock, span, t, when, word } from "../core/i18n.js";
import { isoMs, msIso } from "../core/time.js";
import { PlayGroup } from "./group.js";

const THUMB_MS = 120;

export class PlayWall {
  #muted = true;
  #scrubbing = false;
  #thumb = { busy: false, next: null };

  constructor() {
    this.group = new PlayGroup();
    this.element = h("section", { class: "wall", "aria-label": t("tl.pictures") });
    this.group.addEventListener("track", ({ detail }) => this.#card(detail));
  }

  get muted() {
    return this.#muted;
  }

  /** Sound is of the first camera only: several at once are noise. */
  set muted(on) {
    this.#muted = on;
    [...this.element.querySelectorAll("video")].forEach((video, at) => { video.muted = on || at > 0; });
  }

  /** Show these: `[{ id, name }]`. */
  show(cameras) {
    const columns = cameras.length <= 1 ? 1 : cameras.length <= 4 ? 2 : 3;
    this.element.style.setProperty("--columns", String(columns));
    keyed(this.element, cameras, (one) => one.id, make, () => null);
    this.group.show(cameras.map((one) => [one.id, this.#tile(one.id).querySelector("video")]));
    this.muted = this.#muted;
    for (const track of this.group.tracks.values()) this.#card(track);
  }

  close() {
    this.group.close();
  }

  /** While the finger is down: what is loaded is shown at once, of the rest a thumbnail. */
  scrub(at) {
    this.#scrubbing = true;
    for (const track of this.group.tracks.values()) if (track.has(at)) track.seek(at);
    this.#thumb.next = at;
    this.#thumbnails();
  }

  /** The finger is up again. */
  scrubbed() {
    this.#scrubbing = false;
    this.#thumb.next = null;
    for (const image of this.element.querySelectorAll("img")) image.hidden = true;
  }

  #tile(camera) {
    return this.element.querySelector(`[data-key="${CSS.escape(camera)}"]`);
  }

  // One round of thumbnails at a time, always for the newest place of the finger.
  async #thumbnails() {
    if (this.#thumb.busy || this.#thumb.next === null) return;
    this.#thumb.busy = true;
    const at = this.#thumb.next;
    this.#thumb.next = null;
    await Promise.all([...this.group.tracks].filter(([, track]) => !track.has(at)).slice(0, 4).map(([camera]) => this.#thumbnail(camera, at)));
    await new Promise((resolve) => { setTimeout(resolve, THUMB_MS); });
    this.#thumb.busy = false;
    this.#thumbnails();
  }

  async #thumbnail(camera, at) {
    const url = await api.picture(`/cameras/${encodeURIComponent(camera)}/snapshot.jpg`, { at: msIso(at) }).catch(() => null);
    const image = this.#tile(camera)?.querySelector("img");
    if (!image || !this.#scrubbing || !url) {
      if (url) URL.revokeObjectURL(url);
      if (image) image.hidden = true;
      return;
    }
    const old = image.src;
    image.src = url;
    image.hidden = false;
    if (old) URL.revokeObjectURL(old);
  }

  #card(track) {
    const tile = this.#tile(track.camera);
    if (!tile) return;
    tile.dataset.state = track.state;
    const card = tile.querySelector(".tile-card");
    card.hidden = !["gap", "failed", "edge"].includes(track.state);
    if (track.state === "gap") fill(card, gapCard(track.gap));
    else if (track.state === "edge") fill(card, h("p", {}, t("tl.edge")));
    else if (track.state === "failed") {
      const { error } = track;
      fill(card, h("strong", {}, t("tl.failed")), h("p", {}, error?.unsupported ? t("tl.unsupported", { codec: error.message }) : error?.message ?? ""));
    }
    say(tile.querySelector(".tile-load"), track.state === "waiting" ? t("tl.loading") : "");
  }
}

function make(camera) {
  return h("figure", { class: "tile" }, h("video", { playsinline: true, prop: { muted: true }, "aria-label": t("tl.picture_of", { name: camera.name }) }),
    h("img", { alt: "", hidden: true }), h("div", { class: "tile-card", role: "status", hidden: true }), h("span", { class: "tile-load small" }),
    h("figcaption", {}, camera.name));
}

function gapCard(answer) {
  if (!answer?.gap) return [h("strong", {}, t("tl.nothing")), answer?.next ? h("p", {}, t("tl.goes_on", { time: when(answer.next) })) : null];
  const { gap } = answer;
  const [start, end] = [isoMs(gap.start), isoMs(gap.end)];
  return [
    h("strong", {}, word("cause", gap.cause)), h("p", { class: "num" }, `${clock(start)} – ${clock(end)} · ${span((end - start) / 1000)}`),
    h("p", {}, word("cause", `${gap.cause}.what`)), answer.next ? h("p", { class: "soft" }, t("tl.goes_on", { time: when(answer.next) })) : null,
  ];
}
