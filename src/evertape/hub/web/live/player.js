/**
 * `<et-live camera stream muted>`: one camera, live. Bytes come over a WebSocket as they are recorded and go into the
 * browser's own decoder; docs/design/hub.md has the messages. Hidden, it receives nothing.
 */

import { h, icon, say } from "../core/dom.js";
import { feed } from "../core/feed.js";
import { clock, t } from "../core/i18n.js";
import { isoMs } from "../core/time.js";
import { Joiner } from "./joiner.js";

const AGAIN_MS = [500, 1000, 2000, 4000];
/** How far behind the newest picture it plays, in seconds; less leaves no room for an uneven network. */
const BEHIND = 0.12;
/** So far behind is near enough. Beyond it hurries, the more the further it is. */
const NEAR = BEHIND * 2.5;
/** Further behind than this it leaps. */
const TOO_FAR = 1.0;
/** At the start, for so many ticks, it leaps to what is near: it begins with a keyframe that may be a second old. */
const SETTLING = 6;
const KEEP = 8;

class LivePlayer extends HTMLElement {
  static observedAttributes = ["camera", "stream", "muted"];

  /** Milliseconds from when the picture on screen was taken until now, by this machine's clock; `null`: nothing is shown. */
  get latencyMs() {
    if (!this.moment || this.video.readyState < 2) return null;
    return Date.now() - (this.moment.utc + (this.video.currentTime - this.moment.media) * 1000);
  }

  /** `waiting`, `playing`, `away` or `unsupported`. */
  get state() {
    return this.dataset.state ?? "waiting";
  }

  connectedCallback() {
    if (!this.video) {
      this.video = h("video", { playsinline: true, tabindex: "-1", disablepictureinpicture: true });
      this.video.autoplay = true;
      this.words = h("p", { class: "live-words" });
      this.more = h("p", { class: "live-more" });
      this.card = h("div", { class: "live-card", role: "status", hidden: true }, icon("camera"), this.words, this.more);
      this.append(this.video, this.card);
      this.video.addEventListener("playing", () => this.#playing());
      this.video.addEventListener("error", () => this.#broken());
    }
    this.seen = new IntersectionObserver(([entry]) => this.#visible(entry.isIntersecting));
    this.seen.observe(this);
    document.addEventListener("visibilitychange", this.#look);
    this.timer = setInterval(() => this.#tick(), 250);
    this.#mute();
    const camera = this.getAttribute("camera");
    this.video.setAttribute("aria-label", t("live.picture", { name: feed.camera(camera)?.name || camera }));
  }

  disconnectedCallback() {
    this.seen.disconnect();
    document.removeEventListener("visibilitychange", this.#look);
    clearInterval(this.timer);
    this.inView = false;
    // Unless it was only moved to another place.
    queueMicrotask(() => this.isConnected || this.#stop());
  }

  attributeChangedCallback(name, old, value) {
    if (!this.video || old === value) return;
    if (name === "muted") this.#mute();
    else this.#restart();
  }

  #look = () => this.#visible(this.inView);

  #visible(inView) {
    this.inView = inView;
    const wanted = inView && document.visibilityState === "visible" && this.isConnected;
    if (wanted && !this.socket && !this.retry) this.#start();
    else if (!wanted) this.#stop();
  }

  #mute() {
    this.video.muted = this.hasAttribute("muted");
  }

  // -- the line -------------------------------------------------------------------------------------------

  #restart() {
    this.#stop();
    this.fallback = false;
    this.attempt = 0;
    this.#look();
  }

  #start() {
    this.retry = 0;
    const camera = this.getAttribute("camera");
    if (!camera) return;
    const stream = this.fallback ? "sub" : this.getAttribute("stream") || "main";
    const url = new URL(`/api/v1/cameras/${encodeURIComponent(camera)}/live`, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("stream", stream);
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#told(JSON.parse(data)) : this.#bytes(data));
    socket.onclose = () => this.socket === socket && this.#lost();
    this.socket = socket;
    if (!this.state || this.state === "waiting") this.#show("waiting");
  }

  #stop() {
    clearTimeout(this.retry);
    this.retry = 0;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.#end();
  }

  #lost() {
    this.socket = null;
    this.away ??= { reason: "hub" };
    this.#show("away");
    const wait = AGAIN_MS[Math.min(this.attempt ?? 0, AGAIN_MS.length - 1)];
    this.attempt = (this.attempt ?? 0) + 1;
    this.retry = setTimeout(() => {
      this.retry = 0;
      this.#look();
    }, wait);
  }

  #told(message) {
    if (message.type === "format") this.#format(message);
    else if (message.type === "clock") this.moment = { utc: isoMs(message.utc), media: message.media_s };
    else if (message.type === "state") this.#stateSaid(message);
    else if (message.type === "error") this.#show("unsupported", message.what);
  }

  // -- footage --------------------------------------------------------------------------------------------

  #format(form) {
    this.#end();
    if (!("MediaSource" in window) || !MediaSource.isTypeSupported(form.mime)) {
      const other = feed.camera(this.getAttribute("camera"))?.sub;
      if (form.stream === "main" && other && !this.fallback) {
        // The sub stream of a camera is often the older codec.
        this.fallback = true;
        this.socket.onclose = null;
        this.socket.close();
        this.#start();
      } else {
        this.#show("unsupported", t("live.codec", { codec: form.codec.toUpperCase() }));
      }
      return;
    }
    const source = new MediaSource();
    this.source = source;
    this.settling = SETTLING;
    this.joiner = new Joiner();
    this.address = URL.createObjectURL(source);
    this.video.src = this.address;
    const joiner = this.joiner;
    source.addEventListener("sourceopen", () => {
      if (this.source !== source) return;
      source.duration = Number.POSITIVE_INFINITY;
      joiner.open(source.addSourceBuffer(form.mime), () => this.#broken());
      this.#play();
    }, { once: true });
  }

  #bytes(data) {
    this.joiner?.add(data);
  }

  #end() {
    this.joiner?.close();
    this.joiner = null;
    this.source = null;
    this.moment = null;
    if (this.address) {
      this.video.removeAttribute("src");
      this.video.load();
      URL.revokeObjectURL(this.address);
      this.address = "";
    }
  }

  /** The decoder, or the buffer, will not go on: begin anew. */
  #broken() {
    if (!this.socket || !this.source) return;
    this.socket.onclose = null;
    this.socket.close();
    this.#end();
    this.#lost();
  }

  #play() {
    this.video.play().catch(() => {
      // Sound has to be asked for by a person.
      this.video.muted = true;
      this.video.play().catch(() => null);
    });
  }

  #playing() {
    this.attempt = 0;
    if (this.away && this.away.reason !== "hub") return;
    this.away = null;
    this.#show("playing");
  }

  /** Four times a second: stay near the newest picture, and let old ones go. */
  #tick() {
    if (this.state === "away") this.#words();
    const { video, joiner } = this;
    const ranges = video.buffered;
    if (!joiner || !ranges.length) return;
    const end = ranges.end(ranges.length - 1);
    const begin = ranges.start(ranges.length - 1);
    const behind = end - video.currentTime;
    if (this.settling > 0 && video.readyState >= 2) this.settling -= 1;
    if (video.currentTime < begin || behind > (this.settling > 0 ? NEAR : TOO_FAR)) {
      if (!video.seeking) video.currentTime = Math.max(begin, end - BEHIND);
      video.playbackRate = 1;
    } else {
      video.playbackRate = behind > NEAR ? 1 + (behind - BEHIND) / 2 : behind < BEHIND / 3 ? 0.95 : 1;
    }
    if (video.paused && this.source) this.#play();
    joiner.forget(video.currentTime - KEEP);
  }

  // -- what is said ---------------------------------------------------------------------------------------

  #stateSaid(message) {
    const flowing = message.state === "connected" || message.state === "connecting_media" || (message.state === "connecting" && !message.reason);
    if (flowing) {
      this.away = null;
      if (this.state === "away") this.#show(this.video.readyState >= 2 ? "playing" : "waiting");
    } else {
      this.away = { ...message, heard: Date.now() };
      this.#show("away");
    }
  }

  #show(state, words = "") {
    const old = this.dataset.state;
    this.dataset.state = state;
    this.card.hidden = state === "playing";
    this.fixed = words;
    this.#words();
    if (old !== state) this.dispatchEvent(new CustomEvent("state", { detail: { state, words }, bubbles: true }));
  }

  #words() {
    const state = this.dataset.state;
    if (state === "playing") return;
    if (feed.camera(this.getAttribute("camera"))?.enabled === false) {
      say(this.words, t("state.disabled"));
      say(this.more, "");
      return;
    }
    if (state !== "away") {
      say(this.words, this.fixed || t("live.waiting"));
      say(this.more, "");
      return;
    }
    const { reason, since, retry_in_s: retry, heard } = this.away ?? {};
    if (reason === "hub") {
      say(this.words, t("live.no_hub"));
      say(this.more, "");
      return;
    }
    say(this.words, since ? t("live.no_signal_since", { time: clock(isoMs(since)) }) : t("live.no_signal"));
    const parts = [];
    const left = retry === null || retry === undefined ? null : Math.ceil(retry - (Date.now() - heard) / 1000);
    if (left !== null && left > 0) parts.push(t("live.next_try", { s: left }));
    const recording = feed.camera(this.getAttribute("camera"))?.recording?.state;
    if (recording) parts.push(t(`live.rec_${recording}`));
    say(this.more, parts.join(" · "));
  }
}

customElements.define("et-live", LivePlayer);
