/** The ledger: each gap, what happened, what Evertape did, what you can do. And the events beside it. */

import { api } from "../core/api.js";
import { button, fill, h } from "../core/dom.js";
import { eventText, SHOWN_KINDS } from "../core/events.js";
import { feed } from "../core/feed.js";
import { moment, size, span, t, when, word } from "../core/i18n.js";
import { link, mark, route } from "../core/router.js";
import { wordsOf } from "../core/talk.js";
import { isoMs, msIso } from "../core/time.js";
import { kindOf } from "../timeline/colours.js";
import { causes } from "../i18n/causes.en.js";

const DAY_MS = 86400000;
const PERIODS = [1, 7, 30, 365];
const CAUSES = Object.keys(causes).filter((key) => key.split(".").length === 2).map((key) => key.slice(6));

class Ledger extends HTMLElement {
  #generation = 0;
  #more = null;

  connectedCallback() {
    const { query } = route();
    this.kind = query.get("show") === "events" ? "events" : "gaps";
    this.list = h("ol", { class: "entries" });
    this.summary = h("p", { class: "soft", role: "status" });
    this.next = button(t("do.more"), () => this.#load(true), { hidden: true });
    this.camera = select(t("ledger.camera"), [["", t("ledger.all_cameras")]], query.get("camera") ?? "", () => this.#load());
    this.cause = select(t("ledger.cause"), [["", t("ledger.all_causes")], ...CAUSES.map((name) => [name, word("cause", name)])], query.get("cause") ?? "", () => this.#load());
    this.period = select(t("ledger.period"), PERIODS.map((days) => [String(days), t("ledger.last", { n: days })]), query.get("days") ?? "7", () => this.#load());
    this.purpose = h("input", { type: "checkbox", prop: { checked: query.get("all") === "1" }, on: { change: () => this.#load() } });
    const tabs = h("div", { class: "segmented", role: "tablist", "aria-label": t("nav.ledger") }, ["gaps", "events"].map((name) =>
      h("button", { type: "button", role: "tab", "aria-selected": String(name === this.kind), "aria-controls": "entries", on: { click: () => this.#show(name) }, data: { name } }, t(`ledger.${name}`))));
    tabs.addEventListener("keydown", (event) => {
      if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
      this.#show(this.kind === "gaps" ? "events" : "gaps");
      tabs.querySelector("[aria-selected=true]").focus();
    });
    this.tabs = tabs;
    this.onPurpose = h("label", { class: "check" }, this.purpose, h("span", {}, t("ledger.on_purpose")));
    fill(this, h("div", { class: "screen-head" }, h("h1", {}, t("nav.ledger")), tabs),
      h("div", { class: "filters", role: "search" }, this.camera, this.cause, this.period, this.onPurpose),
      this.summary, h("div", { id: "entries", role: "tabpanel" }, this.list, this.next));
    feed.addEventListener("change", this.#cameras);
    feed.addEventListener("event", this.#stirred);
    this.#cameras();
    this.#show(this.kind);
  }

  disconnectedCallback() {
    feed.removeEventListener("change", this.#cameras);
    feed.removeEventListener("event", this.#stirred);
    clearTimeout(this.soon);
  }

  routed({ query }) {
    const camera = this.camera.querySelector("select");
    if (query.has("camera") && query.get("camera") !== camera.value) {
      camera.value = query.get("camera");
      this.#load();
    }
  }

  #cameras = () => {
    const control = this.camera.querySelector("select");
    const list = feed.status?.cameras ?? [];
    if (control.options.length === list.length + 1) return;
    const chosen = control.value || route().query.get("camera") || "";
    fill(control, h("option", { value: "" }, t("ledger.all_cameras")), list.map((one) => h("option", { value: one.id }, one.name || one.id)));
    if (list.some((one) => one.id === chosen)) control.value = chosen;
  };

  // Something has happened: the list is asked for anew, unless the reader is far down in it.
  #stirred = ({ detail }) => {
    const telling = this.kind === "gaps" ? ["gap_opened", "gap_closed"] : SHOWN_KINDS;
    if (!telling.includes(detail.kind) || scrollY > 400) return;
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.#load(), 1500);
  };

  #show(kind) {
    this.kind = kind;
    for (const tab of this.tabs.children) {
      tab.setAttribute("aria-selected", String(tab.dataset.name === kind));
      tab.tabIndex = tab.dataset.name === kind ? 0 : -1;
    }
    this.cause.hidden = kind !== "gaps";
    this.onPurpose.hidden = kind !== "gaps";
    fill(this.list);
    this.#load();
  }

  async #load(more = false) {
    const generation = (this.#generation += 1);
    const [camera, cause, days] = [this.camera, this.cause, this.period].map((one) => one.querySelector("select").value);
    mark("ledger", { camera, cause, days, all: this.purpose.checked ? "1" : "", show: this.kind === "events" ? "events" : "" });
    const since = msIso(Date.now() - Number(days) * DAY_MS);
    const base = { camera: camera || undefined };
    this.setAttribute("aria-busy", "true");
    try {
      const answer = this.kind === "gaps"
        ? await api.get("/ledger", { ...base, cause, start: since, on_purpose: this.purpose.checked, limit: 100, cursor: more ? this.#more : undefined })
        : await api.get("/events", { ...base, kind: SHOWN_KINDS, after: since, limit: 100, before: more ? this.#more : undefined });
      if (generation !== this.#generation) return;
      const items = this.kind === "gaps" ? answer.gaps.map(gapItem) : answer.events.map(eventItem);
      if (!more) fill(this.list);
      this.list.append(...items);
      this.#more = answer.cursor ?? answer.next;
      this.next.hidden = !this.#more;
      this.#sum();
    } catch (error) {
      if (generation === this.#generation) this.summary.textContent = wordsOf(error);
    }
    this.removeAttribute("aria-busy");
  }

  #sum() {
    const n = this.list.children.length;
    const more = this.#more ? "+" : "";
    this.summary.textContent = n ? t(`ledger.count_${this.kind}`, { n: n === 1 && !more ? 1 : n, count: `${n}${more}` }) : t(`ledger.none_${this.kind}`);
  }
}

function select(label, options, value, changed) {
  const control = h("select", { on: { change: changed } }, options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  return h("label", { class: "field" }, h("span", {}, label), control);
}

const nameOf = (id) => feed.camera(id)?.name || id;

function gapItem(gap) {
  const start = isoMs(gap.start);
  const until = gap.lasts ? t("ledger.lasts") : when(gap.end);
  const noticed = gap.noticed ? t("ledger.noticed", { span: span(Math.max(0, (isoMs(gap.noticed) - start) / 1000)) }) : "";
  const kind = kindOf({ kind: "gap", cause: gap.cause });
  return h("li", { class: `entry ${gap.on_purpose ? "wanted" : ""} ${gap.lasts ? "lasts" : ""}` },
    h("div", { class: "row apart" }, h("h3", {}, h("span", { class: `swatch ${kind}` }), nameOf(gap.camera), h("span", { class: "tag" }, word("cause", gap.cause))),
      h("a", { class: "small", href: link("timeline", { camera: gap.camera, t: msIso(start - 5000), w: Math.max(60, Math.round(gap.seconds * 3)) }) }, t("ledger.to_timeline"))),
    h("p", { class: "num" }, `${moment(start)} – ${until} · `, h("strong", {}, span(gap.seconds)), gap.frames_lost ? ` · ${t("ledger.frames", { n: gap.frames_lost })}` : ""),
    h("dl", { class: "story" },
      h("dt", {}, t("ledger.what")), h("dd", {}, `${word("cause", `${gap.cause}.what`)} ${noticed}`),
      h("dt", {}, t("ledger.did")), h("dd", {}, word("cause", `${gap.cause}.${gap.lasts ? "lasts" : "over"}`), gap.done?.length ? h("ul", { class: "done" }, gap.done.map((one) => h("li", {}, doneText(one)))) : null),
      h("dt", {}, t("ledger.todo")), h("dd", {}, word("cause", `${gap.cause}.todo`))));
}

function doneText(one) {
  const parts = [one.seconds ? span(one.seconds) : "", one.pictures ? t("ledger.pictures", { n: one.pictures }) : "", one.files ? t("ledger.files", { n: one.files }) : "", one.bytes ? size(one.bytes) : ""];
  return `${t(`done.${one.kind}`, { volume: one.volume })}${parts.some(Boolean) ? `: ${parts.filter(Boolean).join(", ")}` : ""}`;
}

function eventItem(event) {
  const bad = ["process_died", "segment_missing", "segment_damaged", "config_refused"].includes(event.kind) || (event.kind === "alert" && event.fields.state !== "ended");
  return h("li", { class: `entry event ${bad ? "lasts" : ""}` },
    h("span", { class: "num soft" }, when(event.at)),
    h("span", { class: "grow" }, event.camera ? h("strong", {}, `${nameOf(event.camera)} `) : null, eventText(event)),
    event.camera ? h("a", { class: "small", href: link("timeline", { camera: event.camera, t: event.at, w: 300 }) }, t("ledger.to_timeline")) : null);
}

customElements.define("et-ledger", Ledger);
