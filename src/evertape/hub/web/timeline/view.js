/** The canvas of the time line: all cameras above each other, from a second to a year wide. */

import { h, fill } from "../core/dom.js";
import { feed } from "../core/feed.js";
import { dateParts, moment, span as spanText, t, word } from "../core/i18n.js";
import { drawRow, kindOf, Paints, WEIGHT } from "./colours.js";
import { SpanStore } from "./data.js";
import { gestures } from "./gestures.js";
import { labelOptions, LONGEST_MS, SHORTEST_MS, ticks } from "./scale.js";

const RULER = 30;
const ROW = 30;
const GAP = 6;
/** What happens to old footage, too. */
const CHANGING = new Set(["gap_opened", "gap_closed", "segment_moved", "segment_missing", "segment_damaged", "clock_corrected"]);

/**
 * Events: `go` (`detail`: ms: show that instant), `scrub` (while dragging), `camera` (a row was chosen), `range` (`[from, to]` or
 * null), `window` (`[start, end]` has changed), `command` (a key that is not about the view).
 */
class TimelineView extends HTMLElement {
  #cameras = [];
  #store = new SpanStore();
  #drawn = false;
  #hover = null;
  #paints = null;

  start = Date.now() - 3600000;
  end = Date.now() + 60000;
  at = Date.now() - 60000;
  chosen = new Set();
  range = null;
  selecting = false;
  row = 0;

  connectedCallback() {
    this.canvas = h("canvas");
    this.tip = h("div", { class: "tl-tip", role: "presentation", hidden: true });
    this.slider = h("div", {
      class: "tl-canvas", tabindex: "0", role: "slider", "aria-label": t("tl.slider"), "aria-describedby": "tl-keys",
      "aria-orientation": "horizontal", "aria-valuemin": "0", "aria-valuemax": "1", "aria-valuenow": "0",
    }, this.canvas, this.tip);
    this.names = h("div", { class: "tl-names" });
    fill(this, this.names, this.slider);
    this.stop = gestures(this);
    this.sized = new ResizeObserver(() => this.redraw());
    this.sized.observe(this.slider);
    this.#store.addEventListener("change", () => { this.redraw(); this.describe(); });
    document.addEventListener("et-theme", this.#theme);
    this.timer = setInterval(() => { this.#store.refresh(); this.redraw(); }, 5000);
    feed.addEventListener("event", this.#happened);
    this.#names();
    this.redraw();
  }

  disconnectedCallback() {
    this.stop();
    this.sized.disconnect();
    document.removeEventListener("et-theme", this.#theme);
    clearInterval(this.timer);
    feed.removeEventListener("event", this.#happened);
  }

  #happened = ({ detail }) => {
    if (CHANGING.has(detail.kind)) this.#store.refresh(true);
  };

  #theme = () => {
    this.#paints = null;
    this.redraw();
  };

  /** `[{ id, name }]`, from above to below. */
  set cameras(list) {
    if (JSON.stringify(list) === JSON.stringify(this.#cameras)) return;
    this.#cameras = list;
    this.#names();
    this.redraw();
  }

  get cameras() {
    return this.#cameras;
  }

  get width() {
    return this.slider.clientWidth;
  }

  /** Show what is between; kept within what is sensible. */
  show(start, end) {
    const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, end - start));
    const middle = (start + end) / 2;
    const last = Date.now() + length * 0.5;
    this.end = Math.min(middle + length / 2, last);
    this.start = this.end - length;
    this.tell("window", [this.start, this.end]);
    this.redraw();
  }

  /** Zoom by `factor` (above 1: closer) with the instant at `x` staying where it is. */
  zoom(factor, x = this.width / 2) {
    const at = this.timeAt(x);
    const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (this.end - this.start) / factor));
    const share = x / this.width;
    this.show(at - length * share, at + length * (1 - share));
  }

  pan(ms) {
    this.show(this.start + ms, this.end + ms);
  }

  timeAt(x) {
    return this.start + (x / this.width) * (this.end - this.start);
  }

  xOf(at) {
    return ((at - this.start) / (this.end - this.start)) * this.width;
  }

  rowAt(y) {
    const row = Math.floor((y - RULER) / (ROW + GAP));
    return y >= RULER && row >= 0 && row < this.#cameras.length ? row : -1;
  }

  /** Whether `y` is on the ruler, where dragging scrubs. */
  onRuler(y) {
    return y < RULER;
  }

  /** What is shown at an instant of a row. */
  spanAt(row, at) {
    const camera = this.#cameras[row];
    if (!camera) return null;
    const perPixel = (this.end - this.start) / this.width;
    const near = perPixel * 2;
    const found = this.#store.spans(camera.id, this.start, this.end, perPixel)
      .filter((one) => one.start - (one.kind === "gap" ? near : 0) <= at && at <= one.end + (one.kind === "gap" ? near : 0));
    return found.sort((a, b) => WEIGHT[kindOf(b)] - WEIGHT[kindOf(a)])[0] ?? null;
  }

  /** The playhead is at `at`; `follow`: keep it on the screen. */
  moved(at, follow) {
    this.at = at;
    if (follow && (at > this.end - (this.end - this.start) * 0.04 || at < this.start)) {
      const length = this.end - this.start;
      this.show(at - length * 0.2, at + length * 0.8);
    }
    this.redraw();
    this.describe();
  }

  /** What a screen reader says of where we are; not oftener than it can. */
  describe() {
    const second = Math.floor(this.at / 1000);
    const camera = this.#cameras[this.row];
    const words = camera ? `, ${camera.name}: ${this.words(this.spanAt(this.row, this.at))}` : "";
    if (this.described === `${second}${words}`) return;
    this.described = `${second}${words}`;
    this.slider.setAttribute("aria-valuemin", String(Math.floor(this.start / 1000)));
    this.slider.setAttribute("aria-valuemax", String(Math.floor(this.end / 1000)));
    this.slider.setAttribute("aria-valuenow", String(second));
    this.slider.setAttribute("aria-valuetext", `${moment(this.at)}${words}`);
  }

  /** A span in words. */
  words(span) {
    if (!span) return t("tl.nothing");
    return span.kind === "gap" ? word("cause", span.cause) : t(span.spilled ? "tl.spilled_on" : "tl.recorded_on", { volume: span.volume });
  }

  /** The pointer is there; `null`: nowhere. */
  hover(point) {
    this.#hover = point;
    const row = point ? this.rowAt(point.y) : -1;
    this.tip.hidden = row < 0;
    if (row >= 0) this.#tip(row, this.timeAt(point.x), point);
    this.redraw();
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  redraw() {
    if (this.#drawn) return;
    this.#drawn = true;
    requestAnimationFrame(() => {
      this.#drawn = false;
      if (this.isConnected) this.#draw();
    });
  }

  // -- drawing --------------------------------------------------------------------------------------------

  #names() {
    if (!this.names) return;
    fill(this.names, this.#cameras.map((camera, row) => h("label", { class: "tl-name", title: camera.name },
      h("input", { type: "checkbox", prop: { checked: this.chosen.has(camera.id) }, on: { change: (event) => this.tell("camera", { id: camera.id, row, on: event.target.checked }) } }),
      h("span", {}, camera.name))));
  }

  /** These cameras are played. */
  choose(ids) {
    this.chosen = new Set(ids);
    [...this.names.querySelectorAll("input")].forEach((box, row) => { box.checked = this.chosen.has(this.#cameras[row]?.id); });
    this.redraw();
  }

  #draw() {
    const width = this.width;
    const height = RULER + this.#cameras.length * (ROW + GAP) + GAP;
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      this.canvas.style.height = `${height}px`;
    }
    this.#paints ??= new Paints();
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    this.#ruler(pen, width, height);
    const perPixel = (this.end - this.start) / width;
    this.#cameras.forEach((camera, row) => this.#row(pen, camera, RULER + row * (ROW + GAP), width, perPixel));
    this.#marks(pen, height);
  }

  #ruler(pen, width, height) {
    const paints = this.#paints;
    const { ticks: found, step } = ticks(this.start, this.end, width);
    pen.font = `12px ${paints.font}`;
    pen.textBaseline = "middle";
    for (const tick of found) {
      const x = Math.round(this.xOf(tick.at)) + 0.5;
      pen.strokeStyle = tick.major ? paints["line-strong"] : paints.line;
      pen.beginPath();
      pen.moveTo(x, tick.major ? 4 : RULER - 7);
      pen.lineTo(x, tick.major ? height : RULER);
      pen.lineWidth = tick.midnight && tick.major ? 1.5 : 1;
      pen.stroke();
      if (!tick.major) continue;
      pen.fillStyle = tick.midnight ? paints.text : paints.soft;
      pen.fillText(dateParts(tick.at, labelOptions(step, tick.midnight)), x + 5, 12);
    }
  }

  #row(pen, camera, y, width, perPixel) {
    const paints = this.#paints;
    const now = this.xOf(Date.now());
    pen.fillStyle = paints.empty;
    pen.fillRect(0, y, Math.max(0, Math.min(width, now)), ROW);
    const spans = this.#store.spans(camera.id, this.start, this.end, perPixel);
    drawRow(pen, paints, spans, { start: this.start, end: this.end, width, y, height: ROW });
    if (this.chosen.size && !this.chosen.has(camera.id)) {
      pen.globalAlpha = 0.35;
      pen.fillStyle = paints.surface;
      pen.fillRect(0, y, width, ROW);
      pen.globalAlpha = 1;
    }
  }

  #marks(pen, height) {
    const paints = this.#paints;
    if (this.range) {
      const [from, to] = this.range.map((at) => this.xOf(at));
      pen.globalAlpha = 0.22;
      pen.fillStyle = paints.accent;
      pen.fillRect(from, 0, to - from, height);
      pen.globalAlpha = 1;
      for (const x of [from, to]) pen.fillRect(x - 1.5, 0, 3, height);
    }
    if (this.#hover) this.#line(pen, this.#hover.x, height, paints.faint, 1);
    const x = this.xOf(this.at);
    if (x < -8 || x > this.width + 8) return;
    this.#line(pen, x, height, paints.text, 2);
    pen.fillStyle = paints.text;
    pen.beginPath();
    pen.moveTo(x - 7, 20);
    pen.lineTo(x + 7, 20);
    pen.lineTo(x, RULER);
    pen.fill();
  }

  #line(pen, x, height, colour, wide) {
    pen.fillStyle = colour;
    pen.fillRect(Math.round(x) - wide / 2, 0, wide, height);
  }

  #tip(row, at, point) {
    const span = this.spanAt(row, at);
    const lines = [h("strong", {}, this.#cameras[row].name), h("span", { class: "num" }, moment(at))];
    if (span?.kind === "gap") {
      const more = span.gaps > 1 ? ` · ${t("tl.gaps", { n: span.gaps })}` : "";
      lines.push(h("span", {}, `${word("cause", span.cause)} · ${spanText((span.end - span.start) / 1000)}${more}`),
        h("span", { class: "soft" }, word("cause", `${span.cause}.what`)));
    } else lines.push(h("span", { class: "soft" }, this.words(span)));
    fill(this.tip, lines);
    const room = this.width - 270;
    this.tip.style.left = `${Math.max(0, Math.min(room, point.x + 14))}px`;
    this.tip.style.top = `${RULER + (row + 1) * (ROW + GAP)}px`;
  }
}

customElements.define("et-timeline-view", TimelineView);
