/** Exports: what to take along, how far it is, and the file. */

import { api, BASE } from "../core/api.js";
import { button, fill, h, keyed, say } from "../core/dom.js";
import { number, moment, size, span, t, when } from "../core/i18n.js";
import { dialog, note, problemBox } from "../core/talk.js";
import { fromLocalInput, isoMs, localInput, msIso } from "../core/time.js";

const POLL_MS = 700;

/** Ask for cameras and times, begin it, and show how far it is. */
export async function exportDialog(cameras, chosen, range) {
  const id = await dialog(t("export.title"), (close) => {
    const problem = h("div", {});
    const boxes = cameras.map((camera) => h("label", { class: "check" }, h("input", { type: "checkbox", value: camera.id, prop: { checked: chosen.includes(camera.id) } }), camera.name));
    const [start, end] = range.map((at) => h("input", { type: "datetime-local", step: "1", required: true, prop: { value: localInput(at) } }));
    const bundle = h("input", { type: "checkbox" });
    const length = h("p", { class: "soft small num" });
    const measure = () => say(length, t("export.length", { span: span((ofInput(end, range[1]) - ofInput(start, range[0])) / 1000) }));
    for (const input of [start, end]) input.addEventListener("change", measure);
    measure();
    const begin = async (event) => {
      event.preventDefault();
      const ids = boxes.map((box) => box.firstChild).filter((box) => box.checked).map((box) => box.value);
      try {
        const job = await api.post("/exports", { cameras: ids, start: msIso(ofInput(start, range[0])), end: msIso(ofInput(end, range[1])), bundle: bundle.checked });
        close(job.id);
      } catch (error) {
        fill(problem, problemBox(error));
      }
    };
    return h("form", { class: "export-form", on: { submit: begin } },
      h("fieldset", {}, h("legend", { class: "soft small" }, t("safe.cameras")), h("div", { class: "export-cameras" }, boxes)),
      h("div", { class: "row" }, h("label", { class: "field" }, h("span", {}, t("export.from")), start), h("label", { class: "field" }, h("span", {}, t("export.to")), end)), length,
      h("label", { class: "check" }, bundle, h("span", {}, t("export.bundle"))), problem,
      h("footer", {}, button(t("do.cancel"), () => close()), h("button", { class: "button primary", type: "submit" }, t("tl.export"))));
  });
  if (id) await jobsDialog();
}

// An input counts whole seconds; as long as it says the same second, the exact instant stands.
function ofInput(input, exact) {
  return input.value === localInput(exact) ? exact : fromLocalInput(input.value);
}

/** All exports that are there, with progress; the list keeps itself up to date while it is open. */
export function jobsDialog() {
  return dialog(t("export.jobs"), (close, body) => {
    const list = h("ul", { class: "jobs" });
    const empty = h("p", { class: "soft" }, t("export.none"));
    const look = async () => {
      const { exports } = await api.get("/exports").catch(() => ({ exports: [] }));
      keyed(list, exports, (job) => job.id, makeJob, updateJob);
      empty.hidden = exports.length > 0;
      if (body.isConnected) setTimeout(look, POLL_MS);
    };
    setTimeout(look);
    return [list, empty];
  }, { wide: true });
}

function makeJob(job) {
  const remove = button(t("do.delete"), async () => {
    await api.delete(`/exports/${job.id}`).catch((error) => note(error.message, "bad"));
    element.remove();
  }, { kind: "small" });
  const element = h("li", { class: "job" }, h("div", { class: "row apart" }, h("strong", {}, job.cameras.join(", ")), h("span", { class: "tag" })),
    h("span", { class: "small soft num" }, `${moment(job.start)} – ${when(job.end)}`), h("progress", { max: "1", "aria-label": t("export.progress") }),
    h("p", { class: "small job-text" }), h("div", { class: "row" }, h("a", { class: "button small primary", hidden: true, href: `${BASE}/exports/${job.id}/file`, download: true }, t("export.download")),
      h("a", { class: "button small", hidden: true, href: `${BASE}/exports/${job.id}/hash`, download: true, title: t("export.hash_help") }, t("export.hash")), remove));
  return element;
}

function updateJob(element, job) {
  const tag = element.querySelector(".tag");
  tag.className = `tag ${{ done: "ok", failed: "bad" }[job.state] ?? ""}`;
  say(tag, t(`export.state.${job.state}`));
  const bar = element.querySelector("progress");
  bar.hidden = job.state !== "running" && job.state !== "waiting";
  if (job.progress === null || job.progress === undefined) bar.removeAttribute("value");
  else bar.value = job.progress;
  for (const link of element.querySelectorAll("a")) link.hidden = job.state !== "done";
  const parts = [job.error, job.bytes ? size(job.bytes) : "", isRunning(job) && job.progress ? `${number(job.progress * 100)} %` : ""];
  say(element.querySelector(".job-text"), parts.filter(Boolean).join(" · "));
}

const isRunning = (job) => job.state === "running";
