/** The page: who is asking, where in it we are, and what stands around every screen. */

import "./core/theme.js";
import { api } from "./core/api.js";
import { fill, h, icon, say } from "./core/dom.js";
import { feed } from "./core/feed.js";
import { t } from "./core/i18n.js";
import { go, link, route } from "./core/router.js";
import { session } from "./core/session.js";
import { regions } from "./core/talk.js";
import { problemsOf } from "./core/safety.js";
import { languageMenu, themeMenu, userMenu } from "./components/menus.js";
import "./screens/login.js";

const SCREENS = {
  safe: { icon: "shield", tag: "et-safe", load: () => import("./screens/safe.js") },
  live: { icon: "live", tag: "et-live-wall", load: () => import("./screens/live.js") },
  timeline: { icon: "timeline", tag: "et-timeline", load: () => import("./screens/timeline.js") },
  ledger: { icon: "ledger", tag: "et-ledger", load: () => import("./screens/ledger.js") },
  settings: { icon: "settings", tag: "et-settings", load: () => import("./screens/settings.js") },
};

class App extends HTMLElement {
  #screen = "";

  connectedCallback() {
    addEventListener("hashchange", () => this.#go());
    document.addEventListener("et-language", () => this.#draw());
    api.addEventListener("unauthorised", () => session.who && this.#leave());
    api.addEventListener("online", () => this.#connection());
    feed.addEventListener("change", () => this.#changed());
    this.addEventListener("et-entered", () => this.#draw());
    this.addEventListener("et-logout", async () => {
      await session.logout();
      this.#leave();
    });
    this.#enter();
  }

  async #enter() {
    try {
      if (!location.hash.startsWith("#setup=")) await session.load();
    } catch {
      // The hub is not there yet: it will be asked until it answers.
      fill(this, ...regions(), h("div", { class: "banner", role: "status" }, icon("alarm"), t("banner.offline")));
      setTimeout(() => this.#enter(), 1500);
      return;
    }
    this.#draw();
  }

  #leave() {
    session.who = null;
    feed.stop();
    this.#draw();
  }

  #draw() {
    this.#screen = "";
    if (!session.who) {
      fill(this, ...regions(), h("et-login"));
      document.title = `${t("login.title")} – Evertape`;
      return;
    }
    feed.start();
    this.tabs = h("nav", { class: "tabs", "aria-label": t("nav.label") }, Object.entries(SCREENS).map(([name, screen]) => this.#tab(name, screen)));
    this.place = h("small");
    this.banner = h("div", { class: "banner", role: "status", hidden: true });
    this.main = h("main", { id: "main", tabindex: "-1" });
    fill(this,
      h("a", { class: "skip", href: "#main", on: { click: (event) => { event.preventDefault(); this.main.focus(); } } }, t("nav.skip")),
      h("header", { class: "bar" },
        h("a", { class: "brand", href: link("safe") }, h("img", { src: "icon.svg", alt: "" }), h("span", {}, "Evertape"), this.place),
        this.tabs,
        h("div", { class: "tools" }, languageMenu(), themeMenu(), userMenu(this))),
      this.banner, (session.who.warnings ?? []).map((text) => h("div", { class: "banner" }, icon("alarm"), text)), this.main, ...regions());
    this.#go();
    this.#connection();
    this.#changed();
  }

  #tab(name, screen) {
    const badge = name === "safe" ? h("span", { class: "badge" }) : null;
    if (badge) this.badge = badge;
    return h("a", { href: link(name), data: { name } }, icon(screen.icon), h("span", {}, t(`nav.${name}`)), badge);
  }

  async #go() {
    if (location.hash.startsWith("#setup=")) {
      session.who = null;
      this.#draw();
      return;
    }
    if (!session.who || !this.main) return;
    const { name } = route();
    const screen = SCREENS[name];
    if (!screen) {
      go("safe");
      return;
    }
    for (const tab of this.tabs.children) {
      if (tab.dataset.name === name) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    document.title = `${t(`nav.${name}`)} – Evertape`;
    if (this.#screen === name) {
      this.main.firstElementChild?.routed?.(route());
      return;
    }
    const first = this.#screen === "";
    this.#screen = name;
    await screen.load();
    if (this.#screen !== name) return;
    fill(this.main, h(screen.tag));
    if (!first) this.main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  #changed() {
    if (!session.who || !this.badge) return;
    const wrong = feed.status ? problemsOf(feed.status, feed.alerts).filter((one) => one.severity === "bad").length : 0;
    say(this.badge, wrong ? String(wrong) : "");
    this.badge.setAttribute("aria-label", t("safe.wrong", { n: wrong }));
    say(this.place, feed.status?.name && feed.status.name !== "Evertape" ? feed.status.name : "");
    this.#connection();
  }

  #connection() {
    if (!this.banner) return;
    const service = api.online && feed.error && feed.error.status >= 500;
    this.banner.hidden = api.online && !service;
    const words = service ? t("banner.service") : t("banner.offline");
    if (!this.banner.hidden && this.banner.textContent !== words) fill(this.banner, icon("alarm"), h("span", {}, words));
    this.classList.toggle("offline", !api.online);
  }
}

customElements.define("et-app", App);
