/** A volume's label and its reason in the reader's language; the service writes them in English. */

import { currentLanguage, has, size, t } from "./i18n.js";

/** Those of which the service's own reason says more than words made for the kind can. */
const TECHNICAL = new Set(["io_error", "error", "wrong_volume", "hung"]);

/** Those that are no trouble, or not quite what the trouble's name says. */
const OF_STATE = new Set(["unknown", "low", "slow"]);

/** `Low Space`, and how much that is. */
export const lowLabel = (free) => (free === undefined ? t("trouble.low_space") : `${t("trouble.low_space")}: ${size(free)}`);

/** `⚠ Storage: USB Disconnected`; the service's own words where the trouble is new. Empty: there is none. */
export function labelOf({ trouble, free, label }) {
  if (!trouble) return "";
  if (trouble === "low_space") return `⚠ ${lowLabel(free)}`;
  return has(`trouble.${trouble}`) ? `⚠ ${t("trouble.storage")}: ${t(`trouble.${trouble}`)}` : label ?? "";
}

/** Why it is as it is. In English the service's own sentence, which is the most exact one. */
export function whyOf({ trouble, state, label_reason: reason }) {
  const key = `volume_why.${OF_STATE.has(state) ? state : trouble}`;
  if (currentLanguage() === "en" || !has(key)) return reason ?? "";
  return TECHNICAL.has(trouble) && reason ? `${t(key)} (${reason})` : t(key);
}

/** The same of a state that is told in the list of events: only what the state's word does not say itself. */
export function stateReason(state, reason) {
  return reason && (currentLanguage() === "en" || TECHNICAL.has(state)) ? ` (${reason})` : "";
}
