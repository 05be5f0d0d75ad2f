/** Making elements: text is always text, never markup. */

/**
 * An element. `props`: `class`, `on` (a map of listeners), `data`, `style` (a map of CSS properties), `prop` (JS properties);
 * whatever else is an attribute; `true` is an empty one, `false`, `null` and `undefined` leave it out.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  apply(element, props);
  put(element, children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An icon from the set below, decoration only: the words beside it say it too. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  svg.classList.add("icon");
  for (const d of [ICONS[name] ?? ICONS.dot].flat()) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

function apply(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "prop") Object.assign(element, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

function put(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Replace all children. */
export function fill(element, ...children) {
  element.replaceChildren();
  put(element, children);
  return element;
}

/** Set the text only where it differs, so that a screen reader is not told the same again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Keep `parent`'s children in step with `items`: one element per key, made once by `make(item)`, brought up to date by
 * `update(element, item)`, moved only where the order changed (so focus and pictures stay).
 */
export function keyed(parent, items, key, make, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    let element = old.get(id);
    if (element) old.delete(id);
    else {
      element = make(item);
      element.dataset.key = id;
    }
    update(element, item);
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
  for (const gone of old.values()) gone.remove();
}

/** A button that looks like one. */
export function button(label, onclick, { kind = "", iconName, title, disabled, ...rest } = {}) {
  return h("button", { type: "button", class: `button ${kind}`.trim(), on: { click: onclick }, title, disabled, ...rest },
    iconName && icon(iconName), label && h("span", {}, label));
}

/** A button that is an icon; its label is for who cannot see it, and a tooltip. */
export function iconButton(name, label, onclick, rest = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, on: { click: onclick }, ...rest },
    icon(name));
}

// Drawn on a grid of 24, strokes of 2.
const ICONS = {
  dot: "M12 11v2",
  shield: ["M12 3l8 3v6c0 4.6-3.3 7.9-8 9-4.7-1.1-8-4.4-8-9V6z", "M8.5 12l2.5 2.5 4.5-5"],
  alarm: ["M12 3.5l9.2 16.5H2.8z", "M12 10v4.2", "M12 17.2v.3"],
  live: ["M3 6h12v12H3z", "M15 10.5l6-3.5v10l-6-3.5"],
  camera: ["M3 6h12v12H3z", "M15 10.5l6-3.5v10l-6-3.5"],
  timeline: ["M3 7h10", "M16 7h5", "M3 12h4", "M10 12h11", "M3 17h13", "M19 17h2"],
  ledger: ["M6 3h12v18H6z", "M9 8h6", "M9 12h6", "M9 16h3"],
  settings: ["M4 7h9", "M17 7h3", "M4 17h3", "M11 17h9", "M15 4.5v5", "M9 14.5v5"],
  user: ["M12 12a4 4 0 100-8 4 4 0 000 8z", "M4 20.5c1-4 4.200-6 8-6s7 2 8 6"],
  sun: ["M12 8a4 4 0 100 8 4 4 0 000-8z", "M12 2.500v2", "M12 19.500v2", "M2.500 12h2", "M19.500 12h2", "M5.300 5.300l1.400 1.400", "M17.300 17.300l1.400 1.400", "M5.300 18.700l1.400-1.400", "M17.300 6.700l1.400-1.400"],
  moon: "M20 14.500A8.500 8.500 0 119.500 4a7 7 0 0010.500 10.500z",
  play: "M7 4.500l12.500 7.500L7 19.500z",
  pause: ["M8 5v14", "M16 5v14"],
  forward: ["M5 5l9 7-9 7z", "M18 5v14"],
  back: ["M19 5l-9 7 9 7z", "M6 5v14"],
  frameNext: ["M9 6l6 6-6 6", "M18 6v12"],
  framePrev: ["M15 6l-6 6 6 6", "M6 6v12"],
  plus: ["M12 5v14", "M5 12h14"],
  minus: "M5 12h14",
  close: ["M6 6l12 12", "M18 6L6 18"],
  expand: ["M4 9V4h5", "M20 9V4h-5", "M4 15v5h5", "M20 15v5h-5"],
  download: ["M12 4v11", "M7 11l5 5 5-5", "M4 20h16"],
  cut: ["M7 4v16", "M17 4v16", "M7 12h10"],
  globe: ["M12 3a9 9 0 100 18 9 9 0 000-18z", "M3 12h18", "M12 3c3 3 3.500 6 3.500 9s-.5 6-3.500 9c-3-3-3.500-6-3.500-9s.5-6 3.500-9z"],
  disk: ["M4 5h16v14H4z", "M4 14h16", "M16.500 16.500v.1"],
  check: "M5 12.500l4.500 4.500L19 7",
  sound: ["M4 9.500v5h3.500L12 18.500v-13L7.500 9.500z", "M15.500 9a4 4 0 010 6", "M18 6.500a8 8 0 010 11"],
  mute: ["M4 9.500v5h3.500L12 18.500v-13L7.500 9.500z", "M16 9.500l5 5", "M21 9.500l-5 5"],
  lock: ["M6 11h12v9H6z", "M8.500 11V8a3.500 3.500 0 017 0v3"],
  more: ["M6 12h.1", "M12 12h.1", "M18 12h.1"],
  search: ["M11 4a7 7 0 100 14 7 7 0 000-14z", "M16 16l4.500 4.500"],
  trash: ["M5 7h14", "M9 7V4h6v3", "M7 7l1 13h8l1-13"],
  edit: ["M4 20l1-4.500L16 4.500l3.500 3.500L8.500 19z"],
  out: ["M10 4H5v16h5", "M9 12h11", "M16 8l4 4-4 4"],
};
