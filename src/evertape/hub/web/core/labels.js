/** A volume's label in the reader's language; the service writes it in English. */

import { t } from "./i18n.js";

const TROUBLE = /⚠ Storage: (.+)$/;
const LOW = /⚠ Low Space: ([\d.]+ GB)/;

/** `⚠ Storage: USB Disconnected`, in the reader's language; the service's own words where they are new. */
export function labelOf(label) {
  const trouble = TROUBLE.exec(label ?? "");
  if (trouble) {
    const key = `trouble.${trouble[1].toLowerCase().replace(/[^a-z]+/g, "_")}`;
    const words = t(key);
    return `⚠ ${t("trouble.storage")}: ${words === key ? trouble[1] : words}`;
  }
  const low = LOW.exec(label ?? "");
  return low ? `⚠ ${t("trouble.low_space")}: ${low[1]}` : label ?? "";
}
