/** The one client of `/api/v1`: sessions, the error shape, and whether the hub is there. */

export const BASE = "/api/v1";
const TIMEOUT_MS = 15000;

/** An answer that says no. `problems`: several at once (a configuration). */
export class ApiError extends Error {
  constructor(status, error = {}) {
    super(error.what ?? `HTTP ${status}`);
    this.status = status;
    this.code = error.code ?? "unknown";
    this.hint = error.hint ?? "";
    this.problems = error.problems ?? [];
    this.retryAfter = null;
  }
}

/** No answer at all. */
export class OfflineError extends Error {}

class Api extends EventTarget {
  #csrf = "";
  #online = true;
  #waiting = null;

  /** Whether the last request was answered. Changes are told by the event `online`. */
  get online() {
    return this.#online;
  }

  /** The session's value against forged requests. */
  set csrf(value) {
    this.#csrf = value ?? "";
  }

  get(path, query) {
    return this.request("GET", path + queryOf(query));
  }

  post(path, body) {
    return this.request("POST", path, body ?? {});
  }

  patch(path, body) {
    return this.request("PATCH", path, body);
  }

  delete(path) {
    return this.request("DELETE", path);
  }

  /** Ask, and read JSON. Raises `ApiError`, or `OfflineError` if nobody answers. */
  async request(method, path, body, { timeout = TIMEOUT_MS } = {}) {
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["X-Evertape-CSRF"] = this.#csrf;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const answer = await this.#fetch(BASE + path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(timeout),
    });
    if (answer.status === 204) return null;
    const data = await answer.json().catch(() => ({}));
    if (answer.ok) return data;
    throw this.#refused(answer, data);
  }

  /** Bytes `[start, end]` of a file, both included, as an ArrayBuffer. */
  async bytes(path, start, end, signal) {
    const answer = await this.#fetch(BASE + path, { headers: { Range: `bytes=${start}-${end}` }, signal });
    if (!answer.ok) throw this.#refused(answer, await answer.json().catch(() => ({})));
    const data = await answer.arrayBuffer();
    return answer.status === 200 ? data.slice(start, end + 1) : data;
  }

  /** A picture as an object URL; the caller revokes it. `null`: there is none. */
  async picture(path, query, signal) {
    const answer = await this.#fetch(BASE + path + queryOf(query), { signal });
    return answer.ok ? URL.createObjectURL(await answer.blob()) : null;
  }

  async #fetch(url, options) {
    try {
      const answer = await fetch(url, { credentials: "same-origin", cache: "no-store", ...options });
      // A reverse proxy answers for a hub that is gone.
      this.#heard(![502, 504].includes(answer.status));
      return answer;
    } catch (error) {
      if (error.name === "AbortError" && options.signal?.aborted && options.signal.reason?.name !== "TimeoutError") throw error;
      this.#heard(false);
      throw new OfflineError(error.message);
    }
  }

  #refused(answer, data) {
    const error = new ApiError(answer.status, data.error);
    error.retryAfter = Number(answer.headers.get("Retry-After")) || null;
    if (answer.status === 401) this.dispatchEvent(new Event("unauthorised"));
    return error;
  }

  #heard(online) {
    if (online === this.#online) return;
    this.#online = online;
    this.dispatchEvent(new Event("online"));
    if (online) {
      clearTimeout(this.#waiting);
      this.#waiting = null;
    } else this.#ask();
  }

  // Once the hub is gone it is asked for every second, by the cheapest question there is.
  #ask() {
    this.#waiting ??= setTimeout(async () => {
      this.#waiting = null;
      await this.#fetch("/healthz", { signal: AbortSignal.timeout(3000) }).catch(() => null);
      if (!this.#online) this.#ask();
    }, 1000);
  }
}

function queryOf(query) {
  if (!query) return "";
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === "") continue;
    for (const one of [value].flat()) params.append(name, one);
  }
  const text = params.toString();
  return text && `?${text}`;
}

export const api = new Api();
