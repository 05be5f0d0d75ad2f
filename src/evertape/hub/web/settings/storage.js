/** Volumes, how long footage is kept, what would go now; and what is protected. */

import { api } from "../core/api.js";
import { button, fill, h } from "../core/dom.js";
import { feed } from "../core/feed.js";
import { number, size, t, when, word } from "../core/i18n.js";
import { labelOf, whyOf } from "../core/labels.js";
import { volumeSeverity } from "../core/safety.js";
import { attempt, confirm, dialog, problemBox } from "../core/talk.js";
import { lastsText } from "../screens/safe.js";
import { configForm, field, head, loading, saveConfig, tellSaved, valueOf } from "./forms.js";

const RETENTION = [
  { key: "retention.max_age" }, { key: "retention.quota" }, { key: "retention.min_age" }, { key: "retention.start_free" },
  { key: "retention.start_percent", kind: "number", min: 0, max: 50, step: "any" }, { key: "retention.more_free" },
];
const STORAGE = [{ key: "storage.min_record_free" }, { key: "storage.resume_free" }, { key: "storage.homecoming_rate" }];

/** The page. */
export function page() {
  const volumes = loading(async (again) => {
    const answer = await api.get("/volumes");
    return h("ul", { class: "stack" }, answer.volumes.map((volume) => item(volume, again)));
  });
  const plan = planPanel();
  const save = async (changes) => {
    const answer = await saveConfig(changes);
    plan.again();
    return answer;
  };
  return h("div", { class: "stack" },
    head(t("settings.storage"), button(t("volume.check"), () => attempt(() => api.post("/volumes/check"), t("volume.checked")).then(() => volumes.again())),
      button(t("volume.add"), async () => { if (await addVolume()) volumes.again(); }, { kind: "primary", iconName: "plus" })),
    volumes,
    loading(async () => {
      const { config } = await api.get("/config");
      return [configForm(config, RETENTION, save, t("settings.retention")), plan, configForm(config, STORAGE, save, t("settings.thresholds"))];
    }),
    protectionsPanel());
}

function item(volume, again) {
  const severity = volumeSeverity(volume);
  const path = `/volumes/${encodeURIComponent(volume.name)}`;
  const change = (action, done) => attempt(async () => tellSaved(await action()), done).then(() => feed.refresh()).then(() => setTimeout(again, 300));
  const retire = async () => {
    if (await confirm(t("volume.retire_title", { name: volume.name }), t("volume.retire_text"), t("volume.retire"))) change(() => api.post(`${path}/retire`));
  };
  const remove = async () => {
    if (await confirm(t("volume.remove_title", { name: volume.name }), t("volume.remove_text"), t("do.remove"), { kind: "danger" })) change(() => api.delete(path));
  };
  return h("li", { class: "panel item" },
    h("div", { class: "row apart" }, h("h3", {}, volume.name, h("span", { class: "tag" }, t(`volume_role.${volume.role}`))), h("span", { class: `tag ${severity}` }, word("volume_state", volume.state))),
    severity === "ok" ? null : h("p", { class: "bad-text" }, [labelOf(volume), whyOf(volume)].filter(Boolean).join(" – ")),
    h("p", { class: "small soft" }, h("code", {}, volume.path), volume.total ? ` · ${t("volume.free_of", { free: size(volume.free), total: size(volume.total) })} · ${lastsText(volume)}` : "",
      volume.files ? ` · ${t("ledger.files", { n: number(volume.files) })}` : ""),
    h("div", { class: "row" },
      volume.role === "primary" ? button(t("volume.to_spill"), () => change(() => api.patch(path, { role: "spill" })), { kind: "small" }) : button(t("volume.to_primary"), () => change(() => api.patch(path, { role: "primary" })), { kind: "small" }),
      volume.role === "retired" ? null : button(t("volume.retire"), retire, { kind: "small" }), button(t("do.remove"), remove, { kind: "small danger" })));
}

function addVolume() {
  return dialog(t("volume.add"), (close) => {
    const name = field(t("volume.name"), { required: true, name: "name", placeholder: "usb1", autofocus: true, pattern: "[a-z0-9][a-z0-9_\\-]*", help: t("camera.id_help") });
    const path = field(t("fact.path"), { required: true, name: "path", placeholder: "/media/usb1", help: t("volume.path_help") });
    const role = field(t("volume.role"), { kind: "select", name: "role", options: [["primary", t("volume.primary_help")], ["spill", t("volume.spill_help")]] });
    const system = field(t("volume.on_system_disk"), { kind: "check" });
    system.hidden = true;
    const problem = h("div", {});
    const submit = async (event) => {
      event.preventDefault();
      try {
        tellSaved(await api.post("/volumes", { name: valueOf(name.input), path: valueOf(path.input), role: role.input.value, on_system_disk: system.input.checked }));
        feed.refresh();
        close(true);
      } catch (error) {
        system.hidden = error.code !== "on_system_disk";
        fill(problem, problemBox(error));
      }
    };
    return h("form", { class: "stack", on: { submit } }, name, path, role, system, problem,
      h("footer", {}, button(t("do.cancel"), () => close()), h("button", { type: "submit", class: "button primary" }, t("do.save"))));
  });
}

// What would go if the rules were applied now; and, for once, with another age, before it is set.
function planPanel() {
  const age = field(t("plan.if_age"), { placeholder: "14d", name: "age", help: t("plan.if_age_help") });
  const result = h("div", { role: "status", class: "stack" });
  const run = button(t("plan.run"), () => start(), { kind: "small danger", hidden: true });
  const look = async () => {
    run.hidden = true;
    try {
      const plan = await api.get("/retention/plan", { max_age: valueOf(age.input) });
      fill(result, planTable(plan));
      run.hidden = !plan.files;
      run.plan = plan;
    } catch (error) {
      fill(result, problemBox(error));
    }
  };
  const start = async () => {
    const { plan } = run;
    if (!(await confirm(t("plan.run"), t("plan.run_text", { n: plan.files, size: size(plan.bytes) }), t("do.delete"), { kind: "danger" }))) return;
    await attempt(async () => {
      let state = await api.post("/retention/run", { max_age: valueOf(age.input) ?? undefined });
      while (!state.done) {
        fill(result, h("p", {}, t("plan.running", { n: state.files, size: size(state.bytes) })), h("progress", {}));
        await new Promise((resolve) => { setTimeout(resolve, 500); });
        state = await api.get(`/retention/run/${state.run}`);
      }
      if (state.error) throw new Error(state.error);
      fill(result, h("p", {}, t("plan.done", { n: state.files, size: size(state.bytes) })));
      run.hidden = true;
    });
  };
  const panel = h("section", { class: "panel form" }, h("h2", {}, t("plan.title")), h("p", { class: "soft" }, t("plan.text")),
    h("div", { class: "row end" }, age, button(t("plan.look"), look), run), result);
  panel.again = look;
  look();
  return panel;
}

function planTable(plan) {
  const kept = [plan.protected ? t("plan.protected", { n: plan.protected, size: size(plan.protected_bytes) }) : "", plan.young ? t("plan.young", { n: plan.young }) : ""].filter(Boolean).join(" · ");
  if (!plan.files) return [h("p", {}, t("plan.nothing")), kept && h("p", { class: "soft small" }, kept)];
  return [
    h("p", {}, h("strong", {}, t("plan.sum", { n: plan.files, size: size(plan.bytes) }))),
    h("div", { class: "scroll-x" }, h("table", {}, h("thead", {}, h("tr", {}, ["camera", "volume", "why", "files", "size", "span"].map((name) => h("th", { scope: "col" }, t(`plan.${name}`))))),
      h("tbody", {}, plan.rows.map((row) => h("tr", {}, h("td", {}, feed.camera(row.camera)?.name || row.camera), h("td", {}, row.volume), h("td", {}, t(`plan.why.${row.why}`)),
        h("td", { class: "right" }, number(row.files)), h("td", { class: "right" }, size(row.bytes)), h("td", { class: "num" }, `${when(row.oldest)} – ${when(row.newest)}`)))))),
    kept && h("p", { class: "soft small" }, kept),
  ];
}

function protectionsPanel() {
  const list = loading(async (again) => {
    const { protections } = await api.get("/protections");
    if (!protections.length) return h("p", { class: "soft" }, t("protect.none"));
    return h("ul", { class: "stack" }, protections.map((one) => h("li", { class: "row apart" },
      h("span", {}, h("strong", {}, feed.camera(one.camera)?.name || one.camera), ` ${when(one.start)} – ${when(one.end)}`, h("span", { class: "soft" }, ` ${one.who} ${one.why}`)),
      button(t("protect.end"), () => attempt(() => api.delete(`/protections/${one.id}`)).then(again), { kind: "small" }))));
  });
  return h("section", { class: "panel form" }, h("h2", {}, t("protect.title")), list);
}
