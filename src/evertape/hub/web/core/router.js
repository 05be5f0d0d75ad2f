/** Where in the page we are: `#/timeline?t=…`. */

/** `{ name, rest, query }` of the address. */
export function route(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [name = "", ...rest] = path.split("/");
  return { name, rest: rest.map(decodeURIComponent), query: new URLSearchParams(query) };
}

/** Go there. */
export function go(path, query) {
  location.hash = link(path, query);
}

/** Say where we are, without going: the address can be kept and sent. */
export function mark(path, query) {
  history.replaceState(null, "", link(path, query));
}

/** The address of a place. */
export function link(path, query) {
  const text = query ? new URLSearchParams(Object.entries(query).filter(([, value]) => value !== null && value !== "")).toString() : "";
  return `#/${path}${text ? `?${text}` : ""}`;
}
