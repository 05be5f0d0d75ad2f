/** The state of the whole, for every screen: asked every two seconds while somebody looks, and at once when something happens. */

import { api, ApiError } from "./api.js";

const EVERY_MS = 2000;
const STIRRING = new Set([
  "camera_state", "recording_state", "volume_state", "alert", "gap_opened", "gap_closed", "record_wish", "config_applied",
  "process_died", "process_started", "segment_damaged", "service_started",
]);

class Feed extends EventTarget {
  #timer = null;
  #socket = null;
  #running = false;
  #asking = null;
  #again = false;

  /** The last answer of `/status`; `null`: none yet. */
  status = null;
  /** What is wrong by `/alerts`. */
  alerts = [];
  /** Why there is no answer, in the error shape. */
  error = null;

  /** Begin; events `change`, and `event` with each that happens (`detail`). */
  start() {
    if (this.#running) return;
    this.#running = true;
    document.addEventListener("visibilitychange", this.#look);
    api.addEventListener("online", this.#look);
    this.#listen();
    this.refresh();
  }

  stop() {
    this.#running = false;
    this.status = null;
    this.alerts = [];
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#look);
    api.removeEventListener("online", this.#look);
    this.#socket?.close();
    this.#socket = null;
  }

  /** A camera of the last answer. */
  camera(id) {
    return this.status?.cameras.find((camera) => camera.id === id) ?? null;
  }

  /** Ask now. What happens while an answer is under way is asked for once more. */
  async refresh() {
    if (this.#asking) {
      this.#again = true;
      return this.#asking;
    }
    this.#asking = this.#ask();
    await this.#asking;
    this.#asking = null;
    clearTimeout(this.#timer);
    if (!this.#running) return undefined;
    if (this.#again) {
      this.#again = false;
      this.#timer = setTimeout(() => this.refresh(), 150);
    } else if (document.visibilityState === "visible") this.#timer = setTimeout(() => this.refresh(), EVERY_MS);
    return undefined;
  }

  #look = () => {
    if (!this.#running || document.visibilityState !== "visible") return;
    if (api.online) this.#listen();
    this.refresh();
  };

  async #ask() {
    try {
      const [status, alerts] = await Promise.all([api.get("/status"), api.get("/alerts").catch(() => null)]);
      if (!this.#running) return;
      this.status = status;
      this.alerts = alerts?.alerts ?? [];
      this.error = null;
    } catch (error) {
      this.error = error instanceof ApiError ? error : null;
    }
    this.dispatchEvent(new Event("change"));
  }

  #listen() {
    if (this.#socket) return;
    const socket = new WebSocket(new URL("/api/v1/events/live", location.href).href.replace(/^http/, "ws"));
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      this.dispatchEvent(new CustomEvent("event", { detail: event }));
      if (event.type === "missed" || STIRRING.has(event.kind)) this.refresh();
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      if (this.#running) setTimeout(() => this.#running && api.online && this.#listen(), 3000);
    };
  }
}

export const feed = new Feed();
