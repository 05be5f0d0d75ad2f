/** Words in the reader's language, and numbers, times and sizes as he writes them. */

import { en } from "../i18n/en.js";
import { ko } from "../i18n/ko.js";
import { causes as causesEn } from "../i18n/causes.en.js";
import { causes as causesKo } from "../i18n/causes.ko.js";
import { isoMs } from "./time.js";

const DICTIONARIES = { en: { ...en, ...causesEn }, ko: { ...ko, ...causesKo } };
const KEY = "evertape.language";

export const LANGUAGES = { en: "English", ko: "한국어" };

let language = chosen();

function chosen() {
  const kept = localStorage.getItem(KEY);
  if (kept in DICTIONARIES) return kept;
  return navigator.languages?.find((name) => name.slice(0, 2) in DICTIONARIES)?.slice(0, 2) ?? "en";
}

/** `en` or `ko`. */
export function currentLanguage() {
  return language;
}

/** Choose one for this browser; the page draws itself anew on `languagechange` of `document`. */
export function setLanguage(name) {
  language = name;
  localStorage.setItem(KEY, name);
  document.documentElement.lang = name;
  document.dispatchEvent(new CustomEvent("et-language"));
}

/**
 * The text of a key, with `{name}` replaced from `params`. A text with `|` has a form for one and a form for many, chosen by
 * `params.n` (Korean has no plural and needs none).
 */
export function t(key, params = {}) {
  let text = DICTIONARIES[language][key] ?? DICTIONARIES.en[key] ?? key;
  if (text.includes("|") && params.n !== undefined) {
    const [one, many] = text.split("|");
    text = params.n === 1 ? one : many;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in params ? String(params[name]) : whole));
}

/** Whether there is a text. */
export function has(key) {
  return key in DICTIONARIES.en;
}

/** The text of a word of the program (`prefix.word`), or the word itself, spaced, if it is one of a newer version. */
export function word(prefix, name) {
  if (!name) return "";
  const key = `${prefix}.${name}`;
  return has(key) ? t(key) : String(name).replaceAll("_", " ");
}

const _formats = new Map();

function format(kind, options) {
  const key = `${language}/${kind}/${JSON.stringify(options)}`;
  if (!_formats.has(key)) _formats.set(key, new Intl[kind](language === "ko" ? "ko-KR" : "en-GB", options));
  return _formats.get(key);
}

/** A number. */
export function number(value, digits = 0) {
  return format("NumberFormat", { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
}

/** A share of one in percent; 100 % is all, never what is rounded to it. */
export function share(value) {
  if (value >= 1) return "100 %";
  return `${number(Math.min(99.99, Math.floor(value * 10000) / 100), 2)} %`;
}

/** Bytes, counted in thousands. */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let at = 0;
  let value = bytes;
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${number(value, at > 0 && value < 10 ? 1 : 0)} ${units[at]}`;
}

/** Bits per second. */
export function rate(bits) {
  return bits >= 1e6 ? `${number(bits / 1e6, 1)} Mbit/s` : `${number(bits / 1e3)} kbit/s`;
}

/** A length of time, in its two largest units: `2 h 5 min`, `26.0 s`. */
export function span(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 10) return t("span.s", { s: number(seconds, 1) });
  const s = Math.round(seconds);
  if (s < 60) return t("span.s", { s });
  if (s < 3600) return pair("min", Math.floor(s / 60), "s", s % 60);
  const min = Math.round(s / 60);
  if (min < 1440) return pair("h", Math.floor(min / 60), "min", min % 60);
  const hours = Math.round(s / 3600);
  return pair("d", Math.floor(hours / 24), "h", hours % 24);
}

function pair(large, a, small, b) {
  const first = t(`span.${large}`, { [large]: a });
  return b ? `${first} ${t(`span.${small}`, { [small]: b })}` : first;
}

/** How long a number of days is, roughly. */
export function days(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 2) return t("span.d", { d: number(value, value < 10 ? 1 : 0) });
  return span(value * 86400);
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };

/** The time of day, with seconds. */
export function clock(ms, { digits = 0 } = {}) {
  const options = digits ? { ...CLOCK, fractionalSecondDigits: digits } : CLOCK;
  return format("DateTimeFormat", options).format(ms);
}

/** Day and time, with seconds. */
export function moment(value, { digits = 0 } = {}) {
  const ms = typeof value === "string" ? isoMs(value) : value;
  if (ms === null || Number.isNaN(ms)) return "–";
  return `${day(ms)} ${clock(ms, { digits })}`;
}

/** The day. */
export function day(ms) {
  return format("DateTimeFormat", { year: "numeric", month: "short", day: "numeric", weekday: "short" }).format(ms);
}

/** By the parts that are wanted, as `Intl.DateTimeFormat` calls them. */
export function dateParts(ms, options) {
  return format("DateTimeFormat", options).format(ms);
}

/** Time of day today, day and time otherwise. */
export function when(value) {
  const ms = typeof value === "string" ? isoMs(value) : value;
  if (ms === null || Number.isNaN(ms)) return "–";
  return new Date(ms).toDateString() === new Date().toDateString() ? clock(ms) : moment(ms);
}

document.documentElement.lang = language;
