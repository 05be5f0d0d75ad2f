/** The small menus of the bar: language, light and dark, the account. Keys as WAI-ARIA says: arrows, Home, End, Escape. */

import { fill, h, icon, iconButton } from "../core/dom.js";
import { currentLanguage, LANGUAGES, setLanguage, t, word } from "../core/i18n.js";
import { go } from "../core/router.js";
import { session } from "../core/session.js";
import { setTheme, theme } from "../core/theme.js";

let count = 0;

/** A button that opens a menu. `items()` gives `{ label, icon, chosen, act }`; `chosen` makes it one of a choice. */
export function menu(iconName, label, items, head = null) {
  const list = h("div", { role: "menu", id: `menu-${(count += 1)}`, "aria-label": label, hidden: true });
  const opener = iconButton(iconName, label, () => (list.hidden ? open() : close()), {
    "aria-haspopup": "menu", "aria-expanded": "false", "aria-controls": list.id,
  });
  const box = h("div", { class: "menu" }, opener, list);

  function open() {
    fill(list, head?.(), items().map((item) => h("button", {
      type: "button", role: item.chosen === undefined ? "menuitem" : "menuitemradio", tabindex: "-1",
      "aria-checked": item.chosen === undefined ? null : String(item.chosen),
      on: { click: () => { close(); item.act(); } },
    }, item.icon && icon(item.icon), h("span", { class: "grow" }, item.label), item.chosen && icon("check"))));
    list.hidden = false;
    opener.setAttribute("aria-expanded", "true");
    list.querySelector("button")?.focus();
    addEventListener("pointerdown", outside, true);
  }

  function close(back = true) {
    list.hidden = true;
    opener.setAttribute("aria-expanded", "false");
    removeEventListener("pointerdown", outside, true);
    if (back) opener.focus();
  }

  function outside(event) {
    if (!box.contains(event.target)) close(false);
  }

  list.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to !== undefined) buttons[(to + buttons.length) % buttons.length].focus();
    else if (event.key === "Escape") close();
    else if (event.key === "Tab") close(false);
    else return;
    if (event.key !== "Tab") event.preventDefault();
  });
  return box;
}

/** English or Korean. */
export function languageMenu() {
  return menu("globe", t("menu.language"), () => Object.entries(LANGUAGES).map(([name, label]) => ({
    label, chosen: name === currentLanguage(), act: () => setLanguage(name),
  })));
}

/** As the system, light, dark. */
export function themeMenu() {
  return menu("moon", t("menu.theme"), () => ["auto", "light", "dark"].map((name) => ({
    label: t(`theme.${name}`), chosen: name === theme(), act: () => setTheme(name),
  })));
}

/** Who is logged in, and out. */
export function userMenu(app) {
  const head = () => h("div", { class: "who" }, h("strong", {}, session.who.name), h("div", { class: "soft small" }, word("role", session.who.role)));
  return menu("user", t("menu.account"), () => [
    { label: t("menu.my_account"), icon: "lock", act: () => go("settings/account") },
    { label: t("menu.logout"), icon: "out", act: () => app.dispatchEvent(new Event("et-logout")) },
  ], head);
}
