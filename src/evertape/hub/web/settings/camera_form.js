/** The dialogs for one camera: adding (look at it first, then name it, then save), and changing. */

import { api } from "../core/api.js";
import { button, fill, h, icon } from "../core/dom.js";
import { feed } from "../core/feed.js";
import { number, rate, t } from "../core/i18n.js";
import { dialog, problemBox } from "../core/talk.js";
import { field, tellSaved, valueOf } from "./forms.js";

const PROBE_MS = 60000;

/** `true` once one was added. */
export function addCamera() {
  return dialog(t("camera.add"), (close) => {
    const url = field("URL", { required: true, placeholder: "rtsp://192.0.2.10/stream1", inputmode: "url", autofocus: true, name: "url", help: t("camera.url_help") });
    const user = field(t("camera.user"), { autocomplete: "off", name: "user" });
    const password = field(t("login.password"), { kind: "password", autocomplete: "new-password", name: "password" });
    const sub = field(t("camera.sub_url"), { name: "sub_url", help: t("camera.sub_help"), inputmode: "url" });
    const found = h("div", { role: "status", class: "probe" });
    const name = field(t("camera.name"), { name: "name" });
    const id = field(t("camera.id"), { name: "id", required: true, pattern: "[a-z0-9][a-z0-9_\\-]*", help: t("camera.id_help") });
    const audio = field(t("camera.audio"), { kind: "check", value: true, name: "audio" });
    const rest = h("div", { class: "stack", hidden: true }, h("div", { class: "fields" }, name, id), audio);
    const look = button(t("camera.probe"), () => probe(), { kind: "primary", iconName: "search" });
    const save = h("button", { type: "submit", class: "button primary", hidden: true }, t("camera.save"));
    const login = () => ({ url: valueOf(url.input), user: valueOf(user.input) ?? undefined, password: password.input.value || undefined, sub_url: valueOf(sub.input) ?? undefined });
    let touched = false;
    id.input.addEventListener("input", () => { touched = true; });
    name.input.addEventListener("input", () => { if (!touched) id.input.value = idOf(name.input.value); });

    async function probe() {
      if (!url.input.reportValidity()) return;
      look.disabled = true;
      fill(found, h("p", { class: "soft" }, t("camera.probing")));
      try {
        const answer = await api.request("POST", "/cameras/probe", login(), { timeout: PROBE_MS });
        fill(found, probeText(answer));
        offer(answer.ok);
      } catch (error) {
        fill(found, problemBox(error));
        offer(false);
      }
      look.disabled = false;
    }

    // One that cannot be looked at now may still be saved: perhaps it is only switched off.
    function offer(ok) {
      rest.hidden = save.hidden = false;
      fill(save, t(ok ? "camera.save" : "camera.save_anyway"));
      save.className = `button ${ok ? "primary" : ""}`;
      look.classList.toggle("primary", !ok);
      if (!name.input.value) name.input.focus();
    }

    async function submit(event) {
      event.preventDefault();
      if (save.hidden) {
        probe();
        return;
      }
      try {
        const answer = await api.post("/cameras", { ...login(), id: valueOf(id.input), name: valueOf(name.input) ?? undefined, audio: audio.input.checked });
        tellSaved(answer);
        close(true);
      } catch (error) {
        fill(found, problemBox(error));
      }
    }

    return h("form", { class: "stack", on: { submit } }, url, h("div", { class: "fields" }, user, password), sub, found, rest,
      h("footer", {}, button(t("do.cancel"), () => close()), look, save));
  });
}

function probeText(answer) {
  if (!answer.ok) return h("div", { class: "problem-box" }, h("strong", {}, t("camera.probe_failed")), h("p", {}, answer.error), answer.hint && h("p", { class: "soft" }, answer.hint));
  const facts = [
    `${answer.codec.toUpperCase()} ${answer.width}×${answer.height}`, answer.fps ? `${number(answer.fps, 1)} fps` : "",
    answer.gop_s ? t("camera.gop", { s: number(answer.gop_s, 1) }) : "", answer.bit_rate ? rate(answer.bit_rate) : "",
    answer.audio ? t("camera.has_audio") : t("camera.no_audio"),
  ];
  return h("div", { class: "probe-ok" }, icon("check"), h("div", {}, h("strong", {}, t("camera.probe_ok")), h("p", {}, facts.filter(Boolean).join(" · ")),
    answer.notices.map((notice) => h("p", { class: "soft small" }, notice.text ?? notice.what ?? ""))));
}

function idOf(name) {
  const plain = name.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  return plain || `camera_${(feed.status?.cameras.length ?? 0) + 1}`;
}

/** `true` once it was changed. */
export function editCamera(camera) {
  const { settings } = camera;
  const KEYS = [
    ["name", { value: camera.name }], ["url", { help: t("camera.url_masked") }], ["sub_url", {}], ["user", {}],
    ["password", { kind: "password", autocomplete: "new-password", value: "", help: t("camera.password_help") }],
    ["transport", { kind: "select", options: [["tcp", "TCP"], ["udp", "UDP"]] }], ["schedule", { help: t("conf.recording.schedule.help"), placeholder: t("camera.as_general") }],
    ["retention.max_age", { placeholder: t("camera.as_general") }], ["retention.quota", { placeholder: t("camera.as_general") }],
    ["enabled", { kind: "check" }], ["record", { kind: "check" }], ["audio", { kind: "check" }],
  ];
  return dialog(t("camera.edit_title", { name: camera.name }), (close) => {
    const problem = h("div", {});
    const controls = KEYS.map(([key, options]) => {
      const value = options.value ?? key.split(".").reduce((table, name) => table?.[name], settings);
      const control = field(t(`conf.camera.${key}`), { name: key, ...options, value });
      control.key = key;
      control.was = valueOf(control.input);
      return control;
    });
    const submit = async (event) => {
      event.preventDefault();
      const changes = Object.fromEntries(controls.filter((one) => valueOf(one.input) !== one.was).map((one) => [one.key, valueOf(one.input)]));
      if (!Object.keys(changes).length) {
        close();
        return;
      }
      try {
        tellSaved(await api.patch(`/cameras/${encodeURIComponent(camera.id)}`, changes));
        close(true);
      } catch (error) {
        fill(problem, problemBox(error));
      }
    };
    const checks = controls.filter((one) => one.input.type === "checkbox");
    return h("form", { class: "stack", on: { submit } }, h("div", { class: "fields" }, controls.filter((one) => !checks.includes(one))), checks, problem,
      h("footer", {}, button(t("do.cancel"), () => close()), h("button", { type: "submit", class: "button primary" }, t("do.save"))));
  }, { wide: true });
}
