/** The time line: all cameras above each other, and the pictures of those that are chosen above it. */

import "../timeline/view.js";
import { PlayWall } from "../timeline/wall.js";
import { exportDialog, jobsDialog } from "../timeline/exporting.js";
import { Finder } from "../timeline/finder.js";
import { button, fill, h, icon, iconButton, say } from "../core/dom.js";
import { feed } from "../core/feed.js";
import { clock, day, moment, span, t } from "../core/i18n.js";
import { mark, route } from "../core/router.js";
import { announce, attempt } from "../core/talk.js";
import { fromLocalInput, isoMs, localInput } from "../core/time.js";
import { KINDS } from "../timeline/colours.js";

const RATES = [0.5, 1, 2, 4, 8, 16];
const MOST = 9;
const WINDOWS = [["tl.w_minute", 60], ["tl.w_hour", 3600], ["tl.w_day", 86400], ["tl.w_week", 604800], ["tl.w_month", 2678400]];

class Timeline extends HTMLElement {
  connectedCallback() {
    const { query } = route();
    this.wall = new PlayWall();
    this.group = this.wall.group;
    this.view = h("et-timeline-view");
    this.finder = new Finder();
    fill(this, h("h1", { class: "unseen" }, t("nav.timeline")), this.wall.element, this.#transport(), this.view, this.#below());
    this.#listen();
    this.asked = query.getAll("camera").flatMap((ids) => ids.split(",")).filter(Boolean);
    feed.addEventListener("change", this.#cameras);
    const at = query.get("t") ? isoMs(query.get("t")) : Date.now() - 30000;
    this.group.seek(at);
    const length = (Number(query.get("w")) || (query.get("t") ? 900 : 86400)) * 1000;
    this.view.show(query.get("t") ? at - length / 2 : Date.now() - length * 0.97, query.get("t") ? at + length / 2 : Date.now() + length * 0.03);
    this.view.moved(at, false);
    this.#cameras();
    this.#time();
    this.#playing();
  }

  disconnectedCallback() {
    feed.removeEventListener("change", this.#cameras);
    this.wall.close();
    this.finder.stop();
  }

  /** The address has changed: go there. */
  routed({ query }) {
    if (query.get("t")) this.#go(isoMs(query.get("t")));
  }

  #listen() {
    const { group, view } = this;
    group.addEventListener("time", () => this.#time());
    group.addEventListener("playing", () => this.#playing());
    view.addEventListener("go", ({ detail }) => {
      if (detail.camera && !view.chosen.has(detail.camera)) this.#choose([detail.camera]);
      this.wall.scrubbed();
      this.#go(detail.at, !detail.keep);
    });
    view.addEventListener("scrub", ({ detail }) => {
      group.pause();
      view.moved(detail, false);
      this.wall.scrub(detail);
      this.#clock(detail);
    });
    view.addEventListener("camera", ({ detail }) => this.#choose(view.cameras.map((one) => one.id).filter((id) => (id === detail.id ? detail.on : view.chosen.has(id)))));
    view.addEventListener("range", () => this.#range());
    view.addEventListener("command", ({ detail }) => this.#command(detail));
    view.addEventListener("window", () => this.#mark());
  }

  #cameras = () => {
    if (!feed.status) return;
    const list = feed.status.cameras.map((camera) => ({ id: camera.id, name: camera.name || camera.id }));
    this.view.cameras = list;
    if (this.started) return;
    this.started = true;
    this.none.hidden = list.length > 0;
    const known = this.asked.filter((id) => list.some((one) => one.id === id));
    this.#choose(known.length ? known : list.slice(0, 1).map((one) => one.id));
    if (route().query.get("play")) this.group.play();
  };

  #choose(ids) {
    const some = ids.slice(0, MOST);
    this.view.choose(some);
    this.wall.show(this.view.cameras.filter((one) => some.includes(one.id)));
    this.#mark();
  }

  #go(at, play = false) {
    this.group.seek(at);
    this.view.moved(this.group.at, true);
    if (play) this.group.play();
    this.#mark();
  }

  #mark() {
    clearTimeout(this.marking);
    this.marking = setTimeout(() => {
      if (!this.isConnected) return;
      mark("timeline", { camera: [...this.view.chosen].join(","), t: new Date(this.group.at).toISOString(), w: Math.round((this.view.end - this.view.start) / 1000) });
    }, 400);
  }

  // -- transport ------------------------------------------------------------------------------------------

  #transport() {
    const act = (command) => () => this.#command(command);
    this.playButton = iconButton("play", t("tl.play"), act("play"), { class: "icon-button play" });
    this.rate = h("select", { "aria-label": t("tl.rate"), on: { change: () => this.group.setRate(Number(this.rate.value)) } },
      RATES.map((rate) => h("option", { value: rate, selected: rate === 1 }, `${rate}×`)));
    this.timeText = h("button", { type: "button", class: "tl-time num", title: t("tl.goto"), on: { click: () => this.#goto() } });
    this.state = h("span", { class: "tl-state small soft", role: "status" });
    this.sound = iconButton("mute", t("live.sound"), () => {
      this.wall.muted = !this.wall.muted;
      fill(this.sound, icon(this.wall.muted ? "mute" : "sound"));
      this.sound.setAttribute("aria-label", t(this.wall.muted ? "live.sound" : "live.mute"));
    });
    return h("div", { class: "transport", role: "toolbar", "aria-label": t("tl.controls") },
      h("div", { class: "row tight" }, iconButton("back", t("tl.gap_back"), act("gap-back")), iconButton("framePrev", t("tl.frame_back"), act("frame-back")),
        this.playButton, iconButton("frameNext", t("tl.frame"), act("frame")), iconButton("forward", t("tl.gap_next"), act("gap")), this.rate, this.sound),
      h("div", { class: "tl-now" }, this.timeText, this.state),
      h("div", { class: "row tight" },
        h("div", { class: "events-nav row tight" }, button("‹", act("event-back"), { kind: "small", "aria-label": t("tl.event_back"), title: t("tl.event_back") }),
          h("span", { class: "small soft" }, t("tl.event")), button("›", act("event"), { kind: "small", "aria-label": t("tl.event_next"), title: t("tl.event_next") })),
        button(t("tl.now"), act("now"), { kind: "small" })));
  }

  #below() {
    this.select = button(t("tl.select"), () => this.#selecting(!this.view.selecting), { kind: "small", iconName: "cut", "aria-pressed": "false" });
    this.rangeText = h("span", { class: "small num", role: "status" });
    this.exportButton = button(t("tl.export"), () => this.#export(), { kind: "small primary", iconName: "download", disabled: true });
    this.none = h("p", { class: "soft", hidden: true }, t("safe.no_cameras"));
    return h("div", { class: "tl-below" },
      h("div", { class: "row" }, this.select, this.exportButton, button(t("tl.jobs"), () => jobsDialog(), { kind: "small" }), this.rangeText,
        h("span", { class: "grow" }),
        h("div", { class: "row tight", role: "group", "aria-label": t("tl.window") }, iconButton("minus", t("tl.out"), () => this.view.zoom(1 / 2)),
          iconButton("plus", t("tl.in"), () => this.view.zoom(2)),
          WINDOWS.map(([key, seconds]) => button(t(key), () => this.#window(seconds), { kind: "small plain" })))),
      this.none,
      h("ul", { class: "legend small", "aria-label": t("tl.legend") }, KINDS.map((kind) => h("li", {}, h("span", { class: `swatch ${kind}` }), t(`tl.kind.${kind}`)))),
      h("p", { class: "soft small", id: "tl-keys" }, t("tl.keys")));
  }

  #command(name) {
    const { group } = this;
    const rate = (by) => RATES[Math.max(0, Math.min(RATES.length - 1, RATES.indexOf(group.rate) + by))];
    const actions = {
      play: () => (group.playing ? group.pause() : group.play()), frame: () => group.step(1), "frame-back": () => group.step(-1),
      gap: () => this.#find("gap", 1), "gap-back": () => this.#find("gap", -1), event: () => this.#find("event", 1), "event-back": () => this.#find("event", -1),
      now: () => this.#now(), first: () => this.#find("first", -1), only: () => this.#choose([this.view.cameras[this.view.row]?.id].filter(Boolean)),
      from: () => this.#edge(0), to: () => this.#edge(1), unselect: () => { this.view.range = null; this.#range(); this.view.redraw(); },
      faster: () => this.#rate(rate(1)), slower: () => this.#rate(rate(-1)),
    };
    actions[name]?.();
  }

  #rate(rate) {
    this.rate.value = String(rate);
    this.group.setRate(rate);
  }

  #now() {
    this.#go(Date.now() - 2000, true);
  }

  #window(seconds) {
    const at = this.group.at;
    this.view.show(at - seconds * 500, at + seconds * 500);
  }

  async #find(what, direction) {
    const found = await this.finder.find(what, [...this.view.chosen], this.group.at, direction).catch(() => null);
    if (!found) {
      announce(t("tl.no_more"));
      say(this.state, t("tl.no_more"));
      return;
    }
    this.#go(found.at);
    const words = found.text ?? "";
    announce(words);
    say(this.state, words);
  }

  #time() {
    const { at } = this.group;
    this.#clock(at);
    this.view.moved(at, this.group.playing);
  }

  #clock(at) {
    say(this.timeText, `${day(at)}  ${clock(at, { digits: this.group.playing ? 0 : 2 })}`);
  }

  #playing() {
    const { playing, waiting, rate } = this.group;
    fill(this.playButton, icon(playing ? "pause" : "play"));
    this.playButton.setAttribute("aria-label", t(playing ? "tl.pause" : "tl.play"));
    this.playButton.title = t(playing ? "tl.pause" : "tl.play");
    this.classList.toggle("waiting", waiting);
    const trick = [...this.group.tracks.values()].some((track) => track.trick);
    say(this.state, waiting ? t("tl.loading") : trick ? t("tl.trick", { rate }) : "");
  }

  #goto() {
    const input = h("input", { type: "datetime-local", step: "1", "aria-label": t("tl.goto"), prop: { value: localInput(this.group.at) } });
    const leave = (go) => {
      if (!input.isConnected) return;
      const at = fromLocalInput(input.value);
      input.replaceWith(this.timeText);
      if (go && !Number.isNaN(at)) this.#go(at);
      this.timeText.focus();
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") leave(true);
      if (event.key === "Escape") leave(false);
    });
    input.addEventListener("blur", () => leave(true));
    this.timeText.replaceWith(input);
    input.focus();
  }

  // -- a range to export ----------------------------------------------------------------------------------

  #selecting(on) {
    this.view.selecting = on;
    this.select.setAttribute("aria-pressed", String(on));
    this.view.classList.toggle("selecting", on);
    if (on && !this.view.range) announce(t("tl.select_help"));
    if (on) say(this.rangeText, t("tl.select_help"));
    else this.#range();
  }

  #edge(which) {
    const at = Math.min(this.group.at, Date.now());
    const other = this.view.range?.[1 - which] ?? at + (which ? -10000 : 10000);
    this.view.range = which ? [Math.min(other, at - 100), at] : [at, Math.max(other, at + 100)];
    this.view.redraw();
    this.#range();
  }

  #range() {
    const { range } = this.view;
    this.exportButton.disabled = !range;
    say(this.rangeText, range ? `${moment(range[0])} – ${clock(range[1])} · ${span((range[1] - range[0]) / 1000)}` : "");
  }

  #export() {
    const chosen = [...this.view.chosen];
    return attempt(() => exportDialog(this.view.cameras, chosen, this.view.range));
  }
}

customElements.define("et-timeline", Timeline);
