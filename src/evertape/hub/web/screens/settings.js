/** Settings: a list of pages; each is a module of its own. What this account may not see is not in the list. */

import { fill, h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { link, route } from "../core/router.js";
import { session } from "../core/session.js";

const PAGES = {
  cameras: { role: "admin", load: () => import("../settings/cameras.js") },
  recording: { role: "admin", load: () => import("../settings/recording.js") },
  storage: { role: "admin", load: () => import("../settings/storage.js") },
  alerts: { role: "viewer", load: () => import("../settings/alerts.js") },
  network: { role: "admin", load: () => import("../settings/network.js") },
  users: { role: "admin", load: () => import("../settings/users.js") },
  account: { role: "viewer", load: () => import("../settings/account.js") },
};

class Settings extends HTMLElement {
  #page = "";

  connectedCallback() {
    this.content = h("div", { class: "settings-page" });
    this.list = h("nav", { class: "settings-list", "aria-label": t("nav.settings") }, this.#pages().map((name) =>
      h("a", { href: link(`settings/${name}`), data: { name } }, t(`settings.${name}`))));
    fill(this, h("h1", { class: "unseen" }, t("nav.settings")), h("div", { class: "settings" }, this.list, this.content));
    this.routed(route());
  }

  disconnectedCallback() {
    this.content.firstElementChild?.leave?.();
  }

  async routed({ rest }) {
    const name = this.#pages().includes(rest[0]) ? rest[0] : this.#pages()[0];
    if (name === this.#page) return;
    this.#page = name;
    for (const one of this.list.children) {
      if (one.dataset.name === name) one.setAttribute("aria-current", "page");
      else one.removeAttribute("aria-current");
    }
    const { page } = await PAGES[name].load();
    if (this.#page === name) fill(this.content, page());
  }

  #pages() {
    return Object.keys(PAGES).filter((name) => session.may(PAGES[name].role));
  }
}

customElements.define("et-settings", Settings);
