/** What the pages of the settings are made of: fields of the configuration, and forms that save what was changed. */

import { api } from "../core/api.js";
import { button, fill, h } from "../core/dom.js";
import { has, t } from "../core/i18n.js";
import { note, problemBox } from "../core/talk.js";

/** A labelled input. `kind`: `text`, `number`, `password`, `check`, `select` with `options` `[[value, text]]`. */
export function field(label, { kind = "text", help = "", options = [], value = "", ...attributes } = {}) {
  if (kind === "check") {
    const box = h("input", { type: "checkbox", prop: { checked: Boolean(value) }, ...attributes });
    return wrap(h("label", { class: "check" }, box, h("span", {}, label, help && h("span", { class: "help soft small" }, ` – ${help}`))), box);
  }
  const input = kind === "select"
    ? h("select", attributes, options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)))
    : h("input", { type: kind, spellcheck: "false", autocapitalize: "none", prop: { value: value ?? "" }, ...attributes });
  return wrap(h("label", { class: "field" }, h("span", {}, label), input, help && h("span", { class: "help" }, help)), input);
}

/**
 * A secret of the configuration: what there is, is never shown; what is typed replaces it, and it can be removed. `read()` says what to
 * save, `undefined`: nothing; `kept()` is to be called once that was saved.
 */
export function secretField(label, { there, kind = "text", help = "", ...attributes }) {
  const text = field(label, { kind, help, autocomplete: kind === "password" ? "new-password" : "off", placeholder: there ? "***" : "", ...attributes });
  const remove = field(t("form.secret_remove"), { kind: "check", "aria-label": `${t("form.secret_remove")}: ${label}` });
  const hint = h("p", { class: "help soft small" }, t("form.secret_kept"));
  const element = wrap(h("div", { class: "stack tight" }, text, hint, remove), text.input);
  const show = (set) => {
    hint.hidden = remove.hidden = !set;
    text.input.placeholder = set ? "***" : "";
  };
  element.read = () => (remove.input.checked ? null : valueOf(text.input) ?? undefined);
  element.kept = () => {
    show(element.read() !== null);
    text.input.value = "";
    remove.input.checked = false;
  };
  show(there);
  return element;
}

function wrap(element, input) {
  element.input = input;
  return element;
}

/** What an input says: text, flag, number; empty text is `null`. */
export function valueOf(input) {
  if (input.type === "checkbox") return input.checked;
  if (input.type === "number") return input.value === "" ? null : Number(input.value);
  return input.value.trim() === "" ? null : input.value.trim();
}

/** A key of a nested configuration, `retention.max_age`. */
export function at(config, key) {
  return key.split(".").reduce((table, name) => table?.[name], config);
}

/**
 * A form over keys of the configuration; only what was changed is sent. `fields`: `[{ key, kind, options }]`, with label `conf.KEY` and
 * help `conf.KEY.help`; one with `secret` is never shown. `save(changes)` sends them; `null`: somebody thought better of it.
 */
export function configForm(config, fields, save, title = "", text = "") {
  const controls = fields.map(({ key, secret, ...rest }) => {
    const about = { ...rest, help: has(`conf.${key}.help`) ? t(`conf.${key}.help`) : "", name: key };
    const value = at(config, key);
    const control = secret ? secretField(t(`conf.${key}`), { ...about, there: Boolean(value) }) : field(t(`conf.${key}`), { ...about, value });
    control.key = key;
    control.read ??= () => valueOf(control.input);
    control.was = control.read();
    return control;
  });
  const problem = h("div", {});
  const checks = controls.filter((one) => one.input.type === "checkbox");
  const form = h("form", { class: "panel form" }, title && h("h2", {}, title), text && h("p", { class: "soft" }, text),
    h("div", { class: "fields" }, controls.filter((one) => !checks.includes(one))), checks.length ? h("div", {}, checks) : null, problem,
    h("div", { class: "row" }, h("button", { type: "submit", class: "button primary" }, t("do.save"))));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const changed = controls.filter((one) => one.read() !== one.was);
    const changes = Object.fromEntries(changed.map((one) => [one.key, one.read()]));
    fill(problem);
    for (const one of controls) one.input.removeAttribute("aria-invalid");
    if (!changed.length) {
      note(t("form.nothing"));
      return;
    }
    try {
      const answer = await save(changes);
      if (!answer) return;
      for (const one of changed) {
        one.kept?.();
        one.was = one.read();
      }
      tellSaved(answer);
    } catch (error) {
      mark(controls, error);
      fill(problem, problemBox(error));
    }
  });
  return form;
}

// The field that a problem is about, where it says so.
function mark(controls, error) {
  const about = error.problems?.flatMap((one) => one.where ?? []).join(".") ?? "";
  for (const one of controls) if (about.endsWith(one.key)) one.input.setAttribute("aria-invalid", "true");
}

/** Say that a change was saved, and what is doubtful. */
export function tellSaved(answer) {
  note(answer?.in_force === false ? t("form.saved_not_in_force", { problem: answer.problem ?? "" }) : t("form.saved"), answer?.in_force === false ? "bad" : "ok");
  for (const warning of answer?.warnings ?? []) note(warning, "bad", 10);
}

/** Save keys of the whole configuration. */
export const saveConfig = (changes) => api.patch("/config", changes);

/** The heading of a page, with its buttons. */
export function head(title, ...buttons) {
  return h("div", { class: "screen-head" }, h("h2", { class: "page-title" }, title), buttons);
}

/** Something that is still on its way; `load(again)` gives the content, and so does the element's `again()` anew. */
export function loading(load) {
  const box = h("div", { class: "stack", tabindex: "-1" }, h("p", { class: "soft" }, t("form.loading")));
  const again = async () => {
    try {
      const content = await load(again);
      // Who uses the keyboard stays where he was: at the button of this name, or else here.
      const held = box.contains(document.activeElement) ? document.activeElement.dataset.held : undefined;
      fill(box, content);
      if (held) (box.querySelector(`[data-held="${CSS.escape(held)}"]`) ?? box).focus();
    } catch (error) {
      fill(box, problemBox(error), button(t("do.again"), again));
    }
  };
  box.again = again;
  again();
  return box;
}
