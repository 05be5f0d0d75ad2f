/** Who is logged in. */

import { api, ApiError } from "./api.js";

const RANK = { viewer: 0, operator: 1, admin: 2 };

export const session = {
  /** `{ name, role, cameras, csrf, warnings }`, or `null`. */
  who: null,
  /** Nobody can log in yet: the first account is still to be made. */
  needsSetup: false,

  /** Ask; `null` if nobody is. */
  async load() {
    try {
      this.take(await api.get("/session"));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      this.who = null;
      this.needsSetup = error.code === "setup_needed";
    }
    return this.who;
  },

  async login(name, password) {
    await api.post("/session", { name, password });
    return this.load();
  },

  async setup(token, name, password) {
    await api.post("/setup", { token, name, password });
    return (await this.load()) ?? this.login(name, password);
  },

  async logout() {
    await api.delete("/session").catch(() => null);
    this.who = null;
  },

  take(who) {
    this.who = who;
    api.csrf = who.csrf;
  },

  /** Whether this person may do what `role` may. */
  may(role) {
    return RANK[this.who?.role] >= RANK[role];
  },
};
