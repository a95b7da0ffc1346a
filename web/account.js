/**
 * Signing in. Tokens live in the memory of this page alone: a reload signs out, and nothing can be stolen from
 * the browser's store.
 */

import { field, frame, make } from "./dialogs.js";

// Before the access token ends, so that no call is ever refused for it.
const REFRESH_EARLY_MS = 30_000;
const USERS_SHOWN = 50;

export class Account extends EventTarget {
  #tokens = null;
  #timer = 0;
  api = null;
  username = null;

  get accessToken() {
    return this.#tokens?.access_token ?? null;
  }

  get signedIn() {
    return this.#tokens !== null;
  }

  async signIn(username, password) {
    this.#keep(await this.api.post("/auth/login", { username, password }));
    this.username = username;
    this.dispatchEvent(new Event("change"));
  }

  signOut() {
    clearTimeout(this.#timer);
    this.#tokens = null;
    this.username = null;
    this.dispatchEvent(new Event("change"));
  }

  #keep(tokens) {
    this.#tokens = tokens;
    const waitMs = Math.max(tokens.expires_in * 1_000 - REFRESH_EARLY_MS, 1_000);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), waitMs);
  }

  async #refresh() {
    const refresh_token = this.#tokens?.refresh_token;
    if (!refresh_token) return;
    try {
      this.#keep(await this.api.post("/auth/refresh", { refresh_token }));
    } catch {
      this.signOut();
    }
  }
}

/** Open the dialog: a form, or who is signed in. */
export function openAccount(dialog, account, words, sentenceOf) {
  const problem = make("p", { id: "account-problem", className: "problem", tabIndex: -1, hidden: true });
  if (account.signedIn) {
    const out = make("button", { type: "button" }, words.say("sign_out"));
    out.addEventListener("click", () => {
      account.signOut();
      dialog.close();
    });
    const users = make("ul", { className: "sentences" });
    const who = make("p", {}, words.say("signed_in_as", { name: account.username }));
    dialog.open(
      ...frame(
        dialog,
        "account-title",
        words,
        "account",
        who,
        users,
        make("p", { className: "actions" }, out),
      ),
    );
    showUsers(account, users, words);
    return;
  }
  const name = make("input", {
    type: "text",
    autocomplete: "username",
    required: true,
    autocapitalize: "none",
  });
  const password = make("input", { type: "password", autocomplete: "current-password", required: true });
  const form = make(
    "form",
    { className: "fields" },
    field("username", words.say("username"), name),
    field("password", words.say("password"), password),
    make(
      "p",
      { className: "field" },
      make("button", { type: "submit", className: "main-action" }, words.say("sign_in")),
    ),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await account.signIn(name.value, password.value);
      openAccount(dialog, account, words, sentenceOf);
    } catch (error) {
      // The focus goes to the sentence: it is read, and the fields are right behind it.
      problem.textContent = sentenceOf(error);
      problem.hidden = false;
      problem.focus();
    }
  });
  dialog.open(
    ...frame(
      dialog,
      "account-title",
      words,
      "sign_in",
      make("p", {}, words.say("sign_in_text")),
      problem,
      form,
    ),
  );
}

// Whoever may see the users, sees them; everybody else sees nothing instead.
async function showUsers(account, list, words) {
  let answer;
  try {
    answer = await account.api.get("/api/v1/admin/users", { limit: USERS_SHOWN });
  } catch {
    return;
  }
  list.before(make("h3", {}, words.say("users")));
  list.replaceChildren(
    ...answer.users.map((user) =>
      make("li", {}, words.say("user_row", { name: user.username, role: user.role })),
    ),
  );
}
