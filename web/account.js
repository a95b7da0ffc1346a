/**
 * Signing in. Tokens live in the memory of this page alone: a reload signs out, and nothing can be stolen from
 * the browser's store.
 */

import { Problem } from "./api.js";
import { field, frame, make } from "./dialogs.js";

// Before the access token ends, so that no call is ever refused for it.
const REFRESH_EARLY_MS = 30_000;
// For its way to the service.
const ENDS_EARLY_MS = 5_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const USERS_SHOWN = 50;

/** Events: "change" when somebody signs in or out, and "ended" after it where the service did it. */
export class Account extends EventTarget {
  #tokens = null;
  #timer = 0;
  #failures = 0;
  #endsMs = 0;
  #refreshing = null;
  api = null;
  username = null;

  /** The token to send; null once it has ended, because what is open to everybody refuses a bad one. */
  get accessToken() {
    return Date.now() < this.#endsMs ? (this.#tokens?.access_token ?? null) : null;
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

  /**
   * Return what lets a live line be known as the user's; null without an account.
   * Raises: Problem when the service cannot tell for now. Where it refuses, the account is signed out.
   */
  async ticket() {
    if (this.signedIn && this.accessToken === null) await this.#refresh();
    if (!this.signedIn) return null;
    if (this.accessToken === null) throw new Problem("unreachable", "");
    const tokens = this.#tokens;
    try {
      const { ticket } = await this.api.post("/auth/ws-ticket", {});
      return this.signedIn ? ticket : null;
    } catch (error) {
      if (!refused(error)) throw error;
      if (tokens === this.#tokens) this.#end();
      return null;
    }
  }

  #keep(tokens) {
    this.#tokens = tokens;
    this.#failures = 0;
    this.#endsMs = Date.now() + tokens.expires_in * 1_000 - ENDS_EARLY_MS;
    this.#refreshIn(Math.max(tokens.expires_in * 1_000 - REFRESH_EARLY_MS, FIRST_WAIT_MS));
  }

  #refreshIn(waitMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), waitMs);
  }

  // A refresh token can be used once, so whoever needs a refresh while one is under way waits for that one.
  #refresh() {
    this.#refreshing ??= this.#trade(this.#tokens).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #trade(tokens) {
    const { refresh_token } = tokens;
    try {
      const fresh = await this.api.post("/auth/refresh", { refresh_token });
      if (tokens === this.#tokens) this.#keep(fresh);
    } catch (error) {
      // Meanwhile somebody signed out, or in.
      if (tokens !== this.#tokens) return;
      if (refused(error)) this.#end();
      else this.#refreshLater(error.retryAfterS);
    }
  }

  #refreshLater(retryAfterS) {
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures);
    this.#failures += 1;
    // Not all clients at once.
    const waitMs = longest / 2 + (Math.random() * longest) / 2;
    this.#refreshIn(Math.max(waitMs, (retryAfterS ?? 0) * 1_000));
  }

  #end() {
    this.signOut();
    this.dispatchEvent(new Event("ended"));
  }
}

// Anything else than a refusal, such as a deadline or too many requests, says nothing of who is signed in.
function refused(error) {
  return error.status === 401 || error.status === 403;
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
