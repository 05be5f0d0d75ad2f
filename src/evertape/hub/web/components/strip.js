/** The last 24 hours of a camera in a strip, with the account beside it for who cannot see it. */

import { api } from "../core/api.js";
import { h } from "../core/dom.js";
import { clock, share, span, t, word } from "../core/i18n.js";
import { drawRow, Paints } from "../timeline/colours.js";
import { spansOf } from "../timeline/data.js";
import { msIso } from "../core/time.js";

const DAY_MS = 86400000;
const EVERY_MS = 60000;

/** What the account of a day says, in a line. */
export function dayText(day) {
  if (!day) return t("day.unknown");
  if (!day.wanted_s) return t("day.not_wanted");
  if (!day.gaps) return t("day.whole", { share: share(day.recorded) });
  return t("day.gaps", { share: share(day.recorded), n: day.gaps, missing: span(day.missing_s), worst: span(day.worst_s), cause: word("cause", day.worst) });
}

class Strip extends HTMLElement {
  #timer = null;
  #spans = [];
  #end = 0;

  connectedCallback() {
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.replaceChildren(this.canvas, h("div", { class: "strip-hours small soft", "aria-hidden": "true" },
      h("span", {}, t("day.ago")), h("span", {}, t("day.now"))));
    this.resize = new ResizeObserver(() => this.#draw());
    this.resize.observe(this.canvas);
    document.addEventListener("et-theme", this.#draw);
    // Only strips that somebody looks at are asked for.
    this.seen = new IntersectionObserver(([entry]) => (entry.isIntersecting ? this.#ask() : clearTimeout(this.#timer)));
    this.seen.observe(this);
    this.canvas.addEventListener("pointermove", (event) => this.#hover(event));
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.resize.disconnect();
    this.seen.disconnect();
    document.removeEventListener("et-theme", this.#draw);
  }

  async #ask() {
    clearTimeout(this.#timer);
    const end = Date.now();
    try {
      const query = { camera: this.getAttribute("camera"), start: msIso(end - DAY_MS), end: msIso(end), resolution: 120 };
      this.#spans = spansOf(await api.get("/timeline", query), query.camera);
      this.#end = end;
      this.#draw();
    } catch {
      // Drawn as it was; the next try is soon enough.
    }
    this.#timer = setTimeout(() => this.#ask(), EVERY_MS);
  }

  #draw = () => {
    if (!this.#end) return;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const paints = new Paints();
    context.fillStyle = paints.empty;
    context.fillRect(0, 0, width, height);
    drawRow(context, paints, this.#spans, { start: this.#end - DAY_MS, end: this.#end, width, y: 0, height });
  };

  #hover(event) {
    const at = this.#end - DAY_MS + (event.offsetX / this.canvas.clientWidth) * DAY_MS;
    const near = (DAY_MS / this.canvas.clientWidth) * 2;
    const found = this.#spans.filter((one) => one.start - near <= at && at <= one.end + near);
    const gap = found.find((one) => one.kind === "gap");
    this.canvas.title = gap ? `${clock(gap.start)}–${clock(gap.end)} ${word("cause", gap.cause)}` : clock(at);
  }
}

customElements.define("et-strip", Strip);
