/** Live pictures in a grid, arranged by hand; kept for this browser. */

import { button, fill, h, icon, iconButton, say } from "../core/dom.js";
import { feed } from "../core/feed.js";
import { t } from "../core/i18n.js";
import { link, route } from "../core/router.js";
import { announce } from "../core/talk.js";

// Another part of the page; without it the rest of the grid stands.
import("../live/player.js").catch(() => null);

const KEY = "evertape.live";
const SIZES = [1, 2, 3, 4];

class LiveWall extends HTMLElement {
  #layout = read();
  #zoomed = null;
  #from = null;
  #players = new Map(); // by camera: one that stays in the grid goes on as it was, wherever its place is

  connectedCallback() {
    this.grid = h("ol", { class: "live-grid", "aria-label": t("live.title") });
    this.sizes = h("div", { class: "segmented", role: "group", "aria-label": t("live.layout") }, SIZES.map((n) =>
      h("button", { type: "button", data: { n }, on: { click: () => this.#size(n) } }, t("live.cells", { n }))));
    this.pageText = h("span", { class: "small soft num", role: "status" });
    this.pages = h("div", { class: "row tight" }, iconButton("framePrev", t("live.previous_page"), () => this.#page(-1)), this.pageText, iconButton("frameNext", t("live.next_page"), () => this.#page(1)));
    this.back = button(t("live.unzoom"), () => this.#zoom(null), { kind: "small", hidden: true });
    fill(this, h("div", { class: "screen-head live-head" }, h("h1", {}, t("live.title")), this.back, this.pages, this.sizes,
      iconButton("expand", t("live.fullscreen"), () => this.#full())), this.grid, h("p", { class: "soft small" }, t("live.arrange")));
    feed.addEventListener("change", this.#changed);
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#zoomed && !document.fullscreenElement) this.#zoom(null);
    });
    this.#changed();
  }

  disconnectedCallback() {
    feed.removeEventListener("change", this.#changed);
  }

  #changed = () => {
    if (!feed.status) return;
    const ids = feed.status.cameras.map((camera) => camera.id);
    const key = feed.status.cameras.map((camera) => [camera.id, camera.name, Boolean(camera.sub)].join()).join();
    if (this.known === key) return;
    const first = this.known === undefined;
    this.known = key;
    // Cameras that are new get the first free places; those that are gone leave theirs empty.
    this.#layout.places = this.#layout.places.map((id) => (ids.includes(id) ? id : null));
    for (const id of ids) {
      if (this.#layout.places.includes(id) || this.#layout.away.includes(id)) continue;
      const free = this.#layout.places.indexOf(null);
      if (free >= 0) this.#layout.places[free] = id;
      else this.#layout.places.push(id);
    }
    this.#layout.size ??= SIZES.find((n) => n * n >= ids.length) ?? 4;
    const asked = route().query.get("camera");
    if (first && asked && ids.includes(asked)) this.#zoomed = asked;
    this.#draw();
  };

  /** The address has changed: show that camera alone. */
  routed({ query }) {
    if (query.get("camera")) this.#zoom(query.get("camera"));
  }

  get #count() {
    return this.#layout.size ** 2;
  }

  #size(n) {
    this.#layout.size = n;
    this.#layout.page = 0;
    this.#zoomed = null;
    this.#keep();
    this.#draw();
  }

  #page(by) {
    const pages = this.#pagesThere();
    this.#layout.page = (this.#layout.page + by + pages) % pages;
    this.#keep();
    this.#draw();
  }

  #pagesThere() {
    const last = this.#layout.places.findLastIndex((id) => id !== null);
    return Math.max(1, Math.ceil((last + 1) / this.#count));
  }

  #zoom(camera) {
    this.#zoomed = camera;
    this.#draw();
    const target = camera ? this.grid.firstElementChild : this.grid.querySelector(`[data-camera="${CSS.escape(this.last ?? "")}"]`);
    this.last = camera;
    target?.focus();
  }

  #full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.grid.requestFullscreen?.().catch(() => null);
  }

  #keep() {
    localStorage.setItem(KEY, JSON.stringify(this.#layout));
  }

  // -- drawing --------------------------------------------------------------------------------------------

  #draw() {
    const zoomed = this.#zoomed;
    const pages = this.#pagesThere();
    this.#layout.page = Math.min(this.#layout.page, pages - 1);
    const begin = this.#layout.page * this.#count;
    while (this.#layout.places.length < begin + this.#count) this.#layout.places.push(null);
    const cells = zoomed ? [[this.#layout.places.indexOf(zoomed), zoomed]] : this.#layout.places.slice(begin, begin + this.#count).map((id, at) => [begin + at, id]);
    this.grid.style.setProperty("--columns", String(zoomed ? 1 : this.#layout.size));
    this.grid.classList.toggle("alone", Boolean(zoomed));
    const shown = new Set(cells.map(([, id]) => id));
    for (const id of this.#players.keys()) if (!shown.has(id)) this.#players.delete(id);
    fill(this.grid, cells.map(([place, id]) => (id ? this.#cell(place, id, Boolean(zoomed)) : this.#empty(place))));
    for (const one of this.sizes.children) one.setAttribute("aria-pressed", String(Number(one.dataset.n) === this.#layout.size && !zoomed));
    this.back.hidden = !zoomed;
    this.pages.hidden = pages < 2 || Boolean(zoomed);
    say(this.pageText, t("live.page", { n: this.#layout.page + 1, of: pages }));
  }

  #cell(place, id, alone) {
    const name = feed.camera(id)?.name || id;
    const hasSub = feed.camera(id)?.sub;
    const player = this.#player(id, alone || !hasSub || this.#layout.size === 1 ? "main" : "sub");
    const cell = h("li", { class: "cell", tabindex: "0", draggable: "true", "aria-label": t("live.cell", { name, n: place + 1 }), data: { camera: id } }, player,
      h("div", { class: "cell-bar" }, h("strong", {}, name), h("span", { class: "grow" }), this.#sound(player),
        h("a", { class: "icon-button", href: link("timeline", { camera: id }), "aria-label": `${t("live.timeline")}: ${name}`, title: t("live.timeline") }, icon("timeline")),
        iconButton(alone ? "close" : "expand", `${t(alone ? "live.unzoom" : "live.zoom")}: ${name}`, () => this.#zoom(alone ? null : id))));
    cell.addEventListener("dblclick", () => this.#zoom(alone ? null : id));
    cell.addEventListener("keydown", (event) => this.#key(event, place, id, alone));
    this.#draggable(cell, place);
    return cell;
  }

  #player(camera, stream) {
    const player = this.#players.get(camera) ?? h("et-live", { camera, muted: true });
    this.#players.set(camera, player);
    player.setAttribute("stream", stream);
    return player;
  }

  #sound(player) {
    const toggle = iconButton("mute", t("live.sound"), () => {
      player.toggleAttribute("muted");
      tell();
    });
    const tell = () => {
      const muted = player.hasAttribute("muted");
      fill(toggle, icon(muted ? "mute" : "sound"));
      toggle.setAttribute("aria-label", t(muted ? "live.sound" : "live.mute"));
    };
    tell();
    return toggle;
  }

  #empty(place) {
    const missing = (feed.status?.cameras ?? []).filter((camera) => !this.#layout.places.slice(0, place).includes(camera.id));
    const choose = h("select", { "aria-label": t("live.empty", { n: place + 1 }), on: { change: () => this.#put(choose.value, place) } },
      h("option", { value: "" }, t("live.choose")), missing.map((camera) => h("option", { value: camera.id }, camera.name || camera.id)));
    const cell = h("li", { class: "cell free" }, choose);
    this.#draggable(cell, place);
    return cell;
  }

  // -- arranging ------------------------------------------------------------------------------------------

  #put(id, place) {
    if (!id) return;
    const before = this.#layout.places.indexOf(id);
    if (before >= 0) this.#layout.places[before] = null;
    this.#layout.places[place] = id;
    this.#keep();
    this.#draw();
  }

  #swap(a, b) {
    const { places } = this.#layout;
    [places[a], places[b]] = [places[b], places[a]];
    this.#keep();
    this.#draw();
    announce(t("live.moved", { name: feed.camera(places[b])?.name ?? places[b], n: b + 1 }));
    this.grid.querySelector(`[data-camera="${CSS.escape(places[b] ?? "")}"]`)?.focus();
  }

  #draggable(cell, place) {
    cell.addEventListener("dragstart", (event) => {
      this.#from = place;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", String(place));
    });
    cell.addEventListener("dragover", (event) => {
      if (this.#from === null) return;
      event.preventDefault();
      cell.classList.add("over");
    });
    cell.addEventListener("dragleave", () => cell.classList.remove("over"));
    cell.addEventListener("drop", (event) => {
      event.preventDefault();
      if (this.#from !== null && this.#from !== place) this.#swap(this.#from, place);
      this.#from = null;
    });
    cell.addEventListener("dragend", () => { this.#from = null; });
  }

  #key(event, place, id, alone) {
    if (event.target !== event.currentTarget) return;
    if (event.key === "Enter") {
      event.preventDefault();
      this.#zoom(alone ? null : id);
      return;
    }
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.#layout.size, ArrowDown: this.#layout.size }[event.key];
    if (by === undefined || alone) return;
    event.preventDefault();
    const begin = this.#layout.page * this.#count;
    const to = place + by;
    if (to < begin || to >= begin + this.#count) return;
    if (event.ctrlKey) this.#swap(place, to);
    else this.grid.children[to - begin]?.focus();
  }
}

function read() {
  const fresh = { size: null, page: 0, places: [], away: [] };
  try {
    return { ...fresh, ...JSON.parse(localStorage.getItem(KEY)) };
  } catch {
    return fresh;
  }
}

customElements.define("et-live-wall", LiveWall);
