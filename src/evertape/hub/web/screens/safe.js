/** Is all safe? What is wrong first, then each camera, then each volume. */

import "../components/strip.js";
import { dayText } from "../components/strip.js";
import { api } from "../core/api.js";
import { button, fill, h, icon, keyed, say } from "../core/dom.js";
import { feed } from "../core/feed.js";
import { days, number, rate, size, span, t, when, word } from "../core/i18n.js";
import { go, link } from "../core/router.js";
import { cameraState, mainStream, problemsOf, severityOf, volumeSeverity } from "../core/safety.js";
import { session } from "../core/session.js";
import { announce } from "../core/talk.js";
import { isoMs } from "../core/time.js";
import { labelOf, whyOf } from "../core/labels.js";

const PICTURE_EVERY_MS = 30000;

class Safe extends HTMLElement {
  connectedCallback() {
    this.verdict = h("section", { class: "verdict", "aria-label": t("safe.verdict") });
    this.wrong = h("ul", { class: "wrongs" });
    this.cameras = h("ul", { class: "cards" });
    this.volumes = h("ul", { class: "volumes" });
    this.foot = h("p", { class: "soft small safe-foot" });
    fill(this, h("h1", { class: "unseen" }, t("nav.safe")), this.verdict, this.wrong,
      h("h2", { class: "section-title" }, t("safe.cameras")), this.cameras,
      h("h2", { class: "section-title" }, t("safe.volumes")), this.volumes, this.foot);
    feed.addEventListener("change", this.#draw);
    this.tick = setInterval(this.#draw, 1000);
    this.#draw();
  }

  disconnectedCallback() {
    feed.removeEventListener("change", this.#draw);
    clearInterval(this.tick);
  }

  #draw = () => {
    const { status } = feed;
    if (!status) {
      this.#verdict("idle", "more", feed.error ? t("banner.service") : t("safe.asking"), "");
      return;
    }
    const problems = problemsOf(status, feed.alerts);
    const bad = problems.filter((one) => one.severity === "bad").length;
    if (!status.cameras.length) this.#verdict("idle", "more", t("safe.no_cameras"), t("safe.no_cameras_text"));
    else if (bad) this.#verdict("bad", "alarm", t("safe.wrong", { n: bad }), t("safe.wrong_text"));
    else if (problems.length) this.#verdict("warn", "shield", t("safe.safe"), t("safe.watch", { n: problems.length }));
    else this.#verdict("ok", "shield", t("safe.safe"), t("safe.safe_text", { n: status.cameras.filter((one) => one.recording?.wanted).length }));
    keyed(this.wrong, problems, (one) => `${one.kind}/${one.camera ?? ""}/${one.volume ?? ""}`, makeWrong, updateWrong);
    const worst = (camera) => ({ bad: 0, warn: 1, ok: 2, idle: 2 })[severityOf(cameraState(camera, status).state)];
    const cameras = status.cameras.map((camera, at) => ({ camera, at })).sort((a, b) => worst(a.camera) - worst(b.camera) || a.at - b.at);
    keyed(this.cameras, cameras, (one) => one.camera.id, (one) => makeCamera(one.camera), (element, one) => updateCamera(element, one.camera, status));
    keyed(this.volumes, status.volumes, (one) => one.name, makeVolume, updateVolume);
    say(this.foot, footText(status));
  };

  #verdict(kind, iconName, title, text) {
    const key = `${kind}/${title}/${text}`;
    if (this.verdict.dataset.key === key) return;
    const first = this.verdict.dataset.key === undefined;
    this.verdict.dataset.key = key;
    this.verdict.className = `verdict ${kind}`;
    fill(this.verdict, icon(iconName), h("div", {}, h("p", { class: "verdict-title" }, title), text && h("p", {}, text)),
      !feed.status?.cameras.length && session.may("admin") && feed.status
        ? button(t("camera.add"), () => go("settings/cameras", { add: 1 }), { kind: "primary", iconName: "plus" }) : null);
    if (!first) announce(`${title}. ${text}`);
  }
}

function footText(status) {
  const { ring, homecoming } = status;
  const parts = [t("safe.up", { span: span((isoMs(status.now) - isoMs(status.started)) / 1000) }), `Evertape ${status.version}`,
    t("safe.ring", { used: size(ring.bytes), budget: size(ring.budget) })];
  if (homecoming && homecoming.files > homecoming.files_done) {
    parts.unshift(t("safe.homecoming", { done: homecoming.files_done, files: homecoming.files, waiting: homecoming.waiting_for ? t(`homecoming.${homecoming.waiting_for}`) : homecoming.waiting }));
  }
  return parts.join(" · ");
}

// -- what is wrong ------------------------------------------------------------------------------------------

function makeWrong() {
  return h("li", { class: "wrong" }, h("span", { class: "wrong-icon" }), h("div", { class: "grow" },
    h("strong", { class: "wrong-title" }), h("p", { class: "wrong-text" })), h("div", { class: "wrong-do" }));
}

function updateWrong(element, one) {
  element.className = `wrong ${one.severity}`;
  const [mark, middle, todo] = element.children;
  if (!mark.firstChild) mark.append(icon("alarm"));
  say(middle.children[0], titleOf(one));
  say(middle.children[1], textOf(one));
  if (todo.firstChild) return;
  if (one.camera) todo.append(h("a", { class: "button small", href: link("ledger", { camera: one.camera }) }, t("safe.show")));
  else if (one.volume && session.may("admin")) todo.append(h("a", { class: "button small", href: link("settings/storage") }, t("safe.show")));
}

function titleOf(one) {
  const cause = one.cause ? `: ${word("cause", one.cause)}` : "";
  const label = one.label ? `: ${one.label}` : "";
  const since = one.since ? ` · ${t("since", { time: when(one.since) })}` : "";
  return `${t(one.key, one.params)}${cause}${label}${since}`;
}

function textOf(one) {
  if (one.cause) return `${word("cause", `${one.cause}.what`)} ${word("cause", `${one.cause}.lasts`)} ${word("cause", `${one.cause}.todo`)}`;
  if (one.volume && one.kind === "volume_unusable") return t("wrong.volume_text", { reason: sentence(one.text) });
  return t(`${one.key}.text`) === `${one.key}.text` ? one.text ?? "" : t(`${one.key}.text`, one.params);
}

/** With a capital: the service's reasons begin small. */
function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// -- cameras ------------------------------------------------------------------------------------------------

function makeCamera(camera) {
  const picture = h("a", { class: "picture", href: link("live", { camera: camera.id }), "aria-label": t("safe.watch_live", { name: camera.name }) },
    h("img", { alt: "", decoding: "async" }), h("span", { class: "no-picture" }, icon("live")));
  const card = h("li", { class: "card" }, picture, h("div", { class: "card-body" },
    h("div", { class: "row apart" }, h("h3", {}), h("span", { class: "tag" })),
    h("p", { class: "reason" }), h("dl", { class: "facts" }, fact("durable"), fact("stream"), fact("to")),
    h("a", { class: "day", href: link("timeline", { camera: camera.id }) }, h("et-strip", { camera: camera.id }), h("span", { class: "small soft day-text" }))));
  card.picture = new Picture(picture.querySelector("img"), camera.id);
  return card;
}

function fact(name) {
  return h("div", { class: `fact ${name}` }, h("dt", {}, t(`fact.${name}`)), h("dd", { class: "num" }));
}

function updateCamera(card, camera, status) {
  const { state, cause } = cameraState(camera, status);
  const severity = severityOf(state);
  const [stream, recording] = [mainStream(camera), camera.recording];
  card.className = `card ${severity}`;
  say(card.querySelector("h3"), camera.name || camera.id);
  const tag = card.querySelector(".tag");
  tag.className = `tag ${severity}`;
  say(tag, t(`state.${state}`));
  const reason = card.querySelector(".reason");
  say(reason, reasonOf(state, cause, stream, recording));
  reason.hidden = !reason.textContent;
  card.classList.toggle("stale", severity === "bad" || state === "away");
  say(card.querySelector(".durable dd"), recording?.durable_until ? `${when(recording.durable_until)} (${t("ago", { span: span(recording.durable_age_s) })})` : "–");
  say(card.querySelector(".stream dd"), stream?.codec ? `${stream.width}×${stream.height} · ${number(stream.fps, 0)} fps · ${rate(stream.bitrate)}` : "–");
  say(card.querySelector(".to dd"), recording?.volume || "–");
  say(card.querySelector(".day-text"), dayText(camera.day));
  card.picture.wanted(state !== "off" && state !== "disabled");
}

function reasonOf(state, cause, stream, recording) {
  if (state === "recording" || state === "spilling") return "";
  if (state === "disabled") return t("camera.disabled_text");
  const words = cause ? word("cause", cause) : "";
  const next = stream?.retry_in_s ?? recording?.retry_in_s;
  return [words, next !== null && next !== undefined && state !== "watching" ? t("next_try", { s: Math.ceil(next) }) : ""].filter(Boolean).join(" · ");
}

/** A picture that is asked for only while it is on the screen, now and then, and never by two at a time. */
class Picture {
  static #queue = Promise.resolve();

  constructor(image, camera) {
    this.image = image;
    this.camera = camera;
    this.on = false;
    this.asked = 0;
    this.seen = new IntersectionObserver(([entry]) => { this.visible = entry.isIntersecting; this.#look(); });
    this.seen.observe(image.parentElement);
  }

  wanted(on) {
    this.on = on;
    this.#look();
  }

  #look() {
    if (!this.on || !this.visible || Date.now() - this.asked < PICTURE_EVERY_MS || document.visibilityState !== "visible") return;
    this.asked = Date.now();
    Picture.#queue = Picture.#queue.then(() => this.#ask());
  }

  async #ask() {
    if (!this.image.isConnected) return;
    const url = await api.picture(`/cameras/${encodeURIComponent(this.camera)}/snapshot.jpg`, {}, AbortSignal.timeout(8000)).catch(() => null);
    if (!url) {
      // Soon again: there may be none yet.
      this.asked = Date.now() - PICTURE_EVERY_MS + 5000;
      return;
    }
    const old = this.image.src;
    this.image.src = url;
    this.image.classList.add("there");
    if (old) URL.revokeObjectURL(old);
  }
}

// -- volumes ------------------------------------------------------------------------------------------------

function makeVolume(volume) {
  return h("li", { class: "volume" }, h("div", { class: "row apart" }, h("h3", {}, icon("disk"), volume.name, h("span", { class: "tag role" })), h("span", { class: "tag state" })),
    h("p", { class: "reason" }), h("div", { class: "meter", role: "img" }, h("span", {})),
    h("dl", { class: "facts" }, fact("free"), fact("rate"), fact("lasts"), fact("path")));
}

function updateVolume(element, volume) {
  const severity = volumeSeverity(volume);
  element.className = `volume ${severity}`;
  say(element.querySelector(".role"), t(`volume_role.${volume.role}`));
  const tag = element.querySelector(".state");
  tag.className = `tag state ${severity}`;
  say(tag, word("volume_state", volume.state));
  const reason = element.querySelector(".reason");
  say(reason, severity === "ok" ? "" : [volume.usable ? "" : labelOf(volume), whyOf(volume)].filter(Boolean).join(" – "));
  reason.hidden = !reason.textContent;
  const used = volume.total ? (volume.total - volume.free) / volume.total : 0;
  const meter = element.querySelector(".meter");
  meter.hidden = !volume.total || !volume.usable;
  meter.setAttribute("aria-label", t("volume.used", { used: size(volume.total - volume.free), total: size(volume.total) }));
  meter.firstElementChild.style.width = `${(used * 100).toFixed(1)}%`;
  say(element.querySelector(".free dd"), volume.total ? t("volume.free_of", { free: size(volume.free), total: size(volume.total) }) : "–");
  say(element.querySelector(".rate dd"), volume.bytes_per_hour ? t("per_hour", { size: size(volume.bytes_per_hour) }) : "–");
  say(element.querySelector(".lasts dd"), lastsText(volume));
  say(element.querySelector(".path dd"), volume.path);
}

/** How long a volume lasts: until its oldest footage goes, then how much it keeps. */
export function lastsText(volume) {
  if (volume.days_left === null || volume.days_left === undefined) return "–";
  if (volume.days_left > 0) return t("volume.days_left", { days: days(volume.days_left) });
  return t("volume.days_kept", { days: days(volume.days_kept) });
}

customElements.define("et-safe", Safe);
