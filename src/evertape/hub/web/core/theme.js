/** Light, dark, or as the system says; kept for this browser. */

const KEY = "evertape.theme";

/** `auto`, `light` or `dark`. */
export function theme() {
  return localStorage.getItem(KEY) ?? "auto";
}

/** Whether it is dark now. */
export function isDark() {
  const chosen = theme();
  return chosen === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
}

/** Choose one. */
export function setTheme(name) {
  localStorage.setItem(KEY, name);
  show();
}

function show() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  document.querySelector("meta[name=theme-color]")?.setAttribute("content", isDark() ? "#101418" : "#f6f7f9");
  document.dispatchEvent(new CustomEvent("et-theme"));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
show();
