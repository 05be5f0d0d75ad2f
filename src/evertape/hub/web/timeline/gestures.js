/** Wheel, pointers and keys on the time line. */

const MOVED_PX = 4;
const STEP = 1 / 40;
const PAGE = 1 / 2;

/** Listen on `view`; gives a function that stops it. */
export function gestures(view) {
  const target = view.slider;
  const pointers = new Map();
  let drag = null;
  let pinch = null;

  const place = (event) => {
    const box = target.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  function down(event) {
    if (event.button !== 0) return;
    target.setPointerCapture(event.pointerId);
    const point = place(event);
    pointers.set(event.pointerId, point);
    if (pointers.size === 2) {
      drag = null;
      pinch = spread();
      return;
    }
    const mode = view.selecting || event.shiftKey ? "range" : view.onRuler(point.y) ? "scrub" : "pan";
    drag = { mode, from: point, at: view.timeAt(point.x), moved: false, edge: mode === "range" ? edgeNear(point.x) : null };
    if (mode === "scrub") view.tell("scrub", view.timeAt(point.x));
  }

  function move(event) {
    const point = place(event);
    if (!pointers.has(event.pointerId)) {
      if (event.pointerType === "mouse") view.hover(point);
      return;
    }
    const before = pointers.get(event.pointerId);
    pointers.set(event.pointerId, point);
    if (pinch && pointers.size === 2) {
      const now = spread();
      view.zoom(now.width / pinch.width, now.middle);
      view.pan(((pinch.middle - now.middle) / view.width) * (view.end - view.start));
      pinch = now;
      return;
    }
    if (!drag) return;
    drag.moved ||= Math.abs(point.x - drag.from.x) > MOVED_PX;
    if (!drag.moved && drag.mode !== "scrub") return;
    if (drag.mode === "scrub") view.tell("scrub", view.timeAt(point.x));
    else if (drag.mode === "pan") view.pan(((before.x - point.x) / view.width) * (view.end - view.start));
    else setRange(point.x);
  }

  function up(event) {
    const point = pointers.get(event.pointerId);
    pointers.delete(event.pointerId);
    if (pinch) {
      if (pointers.size === 0) pinch = null;
      return;
    }
    if (!drag || !point) return;
    const done = drag;
    drag = null;
    if (done.mode === "scrub" || (!done.moved && done.mode === "pan")) {
      const row = view.rowAt(point.y);
      if (row >= 0) view.row = row;
      view.tell("go", { at: view.timeAt(point.x), camera: row >= 0 ? view.cameras[row].id : null });
    } else if (done.mode === "range" && !done.moved) {
      view.range = null;
      view.tell("range", null);
      view.redraw();
    }
    if (event.pointerType !== "mouse") view.hover(null);
  }

  function edgeNear(x) {
    if (!view.range) return null;
    const [from, to] = view.range.map((at) => view.xOf(at));
    if (Math.abs(x - from) < 8) return view.range[1];
    return Math.abs(x - to) < 8 ? view.range[0] : null;
  }

  function setRange(x) {
    const other = drag.edge ?? drag.at;
    const now = Math.min(view.timeAt(Math.max(0, Math.min(view.width, x))), Date.now());
    view.range = other < now ? [other, now] : [now, other];
    view.tell("range", view.range);
    view.redraw();
  }

  function spread() {
    const [a, b] = [...pointers.values()];
    return { width: Math.max(20, Math.abs(a.x - b.x)), middle: (a.x + b.x) / 2 };
  }

  function wheel(event) {
    event.preventDefault();
    const length = view.end - view.start;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.shiftKey ? event.deltaY : 0;
    if (sideways) view.pan((sideways / view.width) * length);
    else view.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0022)), place(event).x);
  }

  function key(event) {
    if (event.altKey || event.metaKey) return;
    const length = view.end - view.start;
    const cursor = (share) => view.tell("go", { at: view.at + share * length, camera: null, keep: true });
    const actions = {
      ArrowLeft: () => cursor(-STEP), ArrowRight: () => cursor(STEP), PageUp: () => cursor(-PAGE), PageDown: () => cursor(PAGE),
      ArrowUp: () => choose(-1), ArrowDown: () => choose(1), End: () => view.tell("command", "now"), Home: () => view.tell("command", "first"),
      "+": () => view.zoom(1.6, view.xOf(view.at)), "=": () => view.zoom(1.6, view.xOf(view.at)), "-": () => view.zoom(1 / 1.6, view.xOf(view.at)),
      " ": () => view.tell("command", "play"), Enter: () => view.tell("command", "only"), ",": () => view.tell("command", "frame-back"),
      ".": () => view.tell("command", "frame"), "[": () => view.tell("command", "gap-back"), "]": () => view.tell("command", "gap"),
      "{": () => view.tell("command", "event-back"), "}": () => view.tell("command", "event"), i: () => view.tell("command", "from"),
      o: () => view.tell("command", "to"), "<": () => view.tell("command", "slower"), ">": () => view.tell("command", "faster"),
      Escape: () => view.tell("command", "unselect"),
    };
    const act = actions[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  function choose(by) {
    view.row = Math.max(0, Math.min(view.cameras.length - 1, view.row + by));
    const x = Math.max(0, Math.min(view.width, view.xOf(view.at)));
    view.hover({ x, y: 30 + view.row * 36 + 10 });
    view.describe();
  }

  const leave = () => view.hover(null);
  const pairs = [["pointerdown", down], ["pointermove", move], ["pointerup", up], ["pointercancel", up], ["pointerleave", leave], ["keydown", key], ["blur", leave]];
  for (const [name, listener] of pairs) target.addEventListener(name, listener);
  target.addEventListener("wheel", wheel, { passive: false });
  return () => {
    for (const [name, listener] of pairs) target.removeEventListener(name, listener);
    target.removeEventListener("wheel", wheel);
  };
}
