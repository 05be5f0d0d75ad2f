/** Cameras: which there are; adding one after it was looked at; changing and removing. */

import { api } from "../core/api.js";
import { button, h, icon } from "../core/dom.js";
import { feed } from "../core/feed.js";
import { t, word } from "../core/i18n.js";
import { mark, route } from "../core/router.js";
import { cameraState, severityOf } from "../core/safety.js";
import { attempt, confirm } from "../core/talk.js";
import { addCamera, editCamera } from "./camera_form.js";
import { head, loading } from "./forms.js";

/** The page. */
export function page() {
  const list = loading(async (again) => {
    const { cameras } = await api.get("/cameras");
    if (!cameras.length) return h("p", { class: "empty panel" }, icon("live"), h("br"), t("camera.none"));
    return h("ul", { class: "stack" }, cameras.map((camera) => item(camera, again)));
  });
  const add = async () => {
    if (await addCamera()) {
      feed.refresh();
      list.again();
    }
  };
  if (route().query.has("add")) {
    mark("settings/cameras");
    setTimeout(add);
  }
  return h("div", { class: "stack" }, head(t("settings.cameras"), button(t("camera.add"), add, { kind: "primary", iconName: "plus" })), list);
}

function item(camera, again) {
  const { state, cause } = feed.status ? cameraState(camera, feed.status) : { state: "starting", cause: "" };
  const off = camera.settings.enabled === false;
  const wanted = camera.wish?.wanted ?? camera.recording?.wanted ?? false;
  const act = (path, body, done) => attempt(() => api.post(`/cameras/${encodeURIComponent(camera.id)}/${path}`, body), done).then(() => feed.refresh()).then(() => setTimeout(again, 400));
  return h("li", { class: "panel item" },
    h("div", { class: "row apart" }, h("h3", {}, camera.name || camera.id, h("code", { class: "soft" }, ` ${camera.id}`)),
      h("span", { class: `tag ${severityOf(state)}` }, t(`state.${state}`), cause ? `: ${word("cause", cause)}` : "")),
    h("p", { class: "mono small soft break" }, camera.settings.url),
    h("div", { class: "row" },
      off ? null : button(t(wanted ? "camera.stop" : "camera.start"), () => act("recording", { wanted: !wanted }, t(wanted ? "camera.stopped" : "camera.started")), { kind: "small" }),
      off ? null : button(t("camera.restart"), () => act("restart", {}, t("camera.restarted")), { kind: "small" }),
      button(t("do.edit"), async () => { if (await editCamera(camera)) { feed.refresh(); again(); } }, { kind: "small", iconName: "edit" }),
      button(t("do.remove"), () => remove(camera, again), { kind: "small danger" })));
}

async function remove(camera, again) {
  if (!(await confirm(t("camera.remove_title", { name: camera.name }), t("camera.remove_text"), t("do.remove"), { kind: "danger" }))) return;
  if (await attempt(() => api.delete(`/cameras/${encodeURIComponent(camera.id)}`), t("camera.removed"))) {
    feed.refresh();
    again();
  }
}
