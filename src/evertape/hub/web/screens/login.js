/** Logging in; or, by the one-time link, making the first admin. */

import { button, fill, h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { session } from "../core/session.js";
import { problemBox } from "../core/talk.js";
import { languageMenu, themeMenu } from "../components/menus.js";

const SHORTEST = 10;

class Login extends HTMLElement {
  connectedCallback() {
    const token = /^#setup=(.+)$/.exec(location.hash)?.[1] ?? "";
    const setup = token !== "";
    this.problem = h("div", {});
    const name = input(t("login.name"), { name: "name", autocomplete: "username", required: true, autofocus: true, autocapitalize: "none", spellcheck: "false" });
    const password = input(t("login.password"), {
      name: "password", type: "password", required: true, autocomplete: setup ? "new-password" : "current-password", minlength: setup ? SHORTEST : null,
    }, setup ? t("login.password_help", { n: SHORTEST }) : "");
    const again = setup ? input(t("login.again"), { name: "again", type: "password", required: true, autocomplete: "new-password" }) : null;
    const submit = h("button", { class: "button primary", type: "submit" }, t(setup ? "login.create" : "login.enter"));
    fill(this, h("main", { class: "login" },
      h("div", { class: "brand" }, h("img", { src: "icon.svg", alt: "" }), "Evertape"),
      h("form", { class: "panel", on: { submit: (event) => this.#submit(event, token, submit) } },
        h("h1", {}, t(setup ? "login.setup_title" : "login.title")),
        setup ? h("p", { class: "soft" }, t("login.setup_text")) : null,
        !setup && session.needsSetup ? h("p", { class: "banner" }, t("error.setup_needed")) : null,
        name, password, again, this.problem, submit,
        setup ? null : h("p", { class: "soft small" }, t("login.forgotten"))),
      h("div", { class: "foot" }, languageMenu(), themeMenu())));
    name.querySelector("input").focus();
  }

  async #submit(event, token, submit) {
    event.preventDefault();
    const { name, password, again } = event.target.elements;
    if (token && password.value !== again.value) {
      fill(this.problem, problemBox(new Error(t("login.differ"))));
      again.focus();
      return;
    }
    submit.disabled = true;
    fill(this.problem);
    try {
      if (token) {
        await session.setup(decodeURIComponent(token), name.value.trim(), password.value);
        history.replaceState(null, "", "#/safe");
      } else await session.login(name.value.trim(), password.value);
      this.dispatchEvent(new Event("et-entered", { bubbles: true }));
    } catch (error) {
      fill(this.problem, problemBox(error));
      if (token) this.problem.append(h("p", {}, button(t("login.to_login"), () => { location.hash = ""; location.reload(); }, { kind: "small" })));
      password.focus();
    } finally {
      submit.disabled = false;
    }
  }
}

function input(label, attributes, help = "") {
  return h("label", { class: "field" }, h("span", {}, label), h("input", { type: "text", ...attributes }), help && h("span", { class: "help" }, help));
}

customElements.define("et-login", Login);
