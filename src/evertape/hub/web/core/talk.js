/** Short words with the person: notes that go by themselves, questions, and what went wrong. */

import { ApiError, OfflineError } from "./api.js";
import { button, fill, h, iconButton } from "./dom.js";
import { has, t } from "./i18n.js";

let region = null;
let whisper = null;

/** Where notes appear, and where only screen readers hear something. */
export function regions() {
  region = h("div", { class: "notes", role: "status", "aria-live": "polite" });
  whisper = h("div", { class: "unseen", role: "status", "aria-live": "polite" });
  return [region, whisper];
}

/** Tell something that has happened. `kind`: `ok`, `bad`. */
export function note(text, kind = "ok", seconds = 6) {
  const one = h("div", { class: `note ${kind}` }, h("span", {}, text));
  one.append(iconButton("close", t("do.close"), () => one.remove()));
  region.append(one);
  setTimeout(() => one.remove(), seconds * 1000);
}

/** For ears only. */
export function announce(text) {
  if (whisper) whisper.textContent = text;
}

/** What an error says, in the reader's words where they are known. */
export function wordsOf(error) {
  if (error instanceof OfflineError) return t("error.offline");
  if (!(error instanceof ApiError)) return String(error?.message ?? error);
  const key = `error.${error.code}`;
  const what = has(key) ? t(key, { s: error.retryAfter ?? 60 }) : error.message;
  return error.hint && !has(key) ? `${what} (${error.hint})` : what;
}

/** Everything of an error, for a form: a line each. */
export function problemBox(error) {
  const lines = error.problems?.length ? error.problems : [{ what: wordsOf(error) }];
  return h("div", { class: "problem-box", role: "alert" },
    lines.map((one) => h("p", {}, one.what, one.hint ? h("span", { class: "soft" }, ` – ${one.hint}`) : null)));
}

/** Do it, and tell if it fails. `true` if it was done. */
export async function attempt(action, done) {
  try {
    await action();
  } catch (error) {
    note(wordsOf(error), "bad", 12);
    return false;
  }
  if (done) note(done);
  return true;
}

/**
 * A dialog. `build(close, body)` gives its content; what is focused first has `autofocus`. Resolves with what `close` was given, or
 * `null` for Escape.
 */
export function dialog(title, build, { wide = false } = {}) {
  return new Promise((resolve) => {
    const heading = h("h2", { id: `dialog-${Math.random().toString(36).slice(2)}` }, title);
    const body = h("div", { class: "dialog-body" });
    const box = h("dialog", { class: wide ? "wide" : "", "aria-labelledby": heading.id });
    let result = null;
    const close = (value = null) => {
      result = value;
      box.close();
    };
    box.append(h("header", {}, heading, iconButton("close", t("do.close"), () => close())), body);
    fill(body, build(close, body));
    box.addEventListener("close", () => {
      box.remove();
      resolve(result);
    });
    document.body.append(box);
    box.showModal();
  });
}

/** Yes or no. */
export function confirm(title, text, yes, { kind = "primary" } = {}) {
  return dialog(title, (close) => [
    h("p", {}, text),
    h("footer", {}, button(t("do.cancel"), () => close(false)), button(yes, () => close(true), { kind, autofocus: true })),
  ]);
}
