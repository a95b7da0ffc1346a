/**
 * What pages for admins share: signing in, regions that speak, and a look at the service again and again, which
 * can be paused.
 *
 * Such a page has the elements summary, alert, status, problem, sign-in with username and password, signed-in,
 * pause and sign-out.
 */

import { Account } from "./account.js";
import { Api } from "./api.js";

export const find = (id) => document.getElementById(id);

/** Say a sentence in a live region. */
export function tell(id, sentence) {
  // Emptied first: a region says the same sentence twice only when it has changed in between.
  find(id).textContent = "";
  requestAnimationFrame(() => {
    find(id).textContent = sentence;
  });
}

export function sentenceOf(error) {
  return error.detail || error.message || "The service cannot be reached. It is asked again.";
}

export class AdminPage {
  #read;
  #empty;
  #entrance;
  #everyMs;
  #paused = false;
  #timer = 0;
  #looking = Promise.resolve();

  /**
   * read() asks, and returns what shows the answer; empty() takes away what an admin alone may see; entrance is
   * the id of what has the focus after signing in.
   */
  constructor({ read, empty, entrance, everyMs }) {
    this.account = new Account();
    this.api = new Api(() => this.account.accessToken);
    this.account.api = this.api;
    this.#read = read;
    this.#empty = empty;
    this.#entrance = entrance;
    this.#everyMs = everyMs;
    find("sign-in").addEventListener("submit", (event) => this.#signIn(event));
    find("sign-out").addEventListener("click", () => this.account.signOut());
    find("pause").addEventListener("click", () => this.#pause());
    this.account.addEventListener("change", () => this.#change());
  }

  /** Look now, after whatever look is under way; the promise is true when it succeeded. */
  look() {
    clearTimeout(this.#timer);
    const look = this.#looking.then(() => this.#lookOnce());
    this.#looking = look;
    return look.finally(() => {
      clearTimeout(this.#timer);
      if (this.account.signedIn && !this.#paused) this.#timer = setTimeout(() => this.look(), this.#everyMs);
    });
  }

  async #lookOnce() {
    if (!this.account.signedIn) return false;
    try {
      const show = await this.#read();
      // Whoever signed out meanwhile has seen the last of it.
      if (this.account.signedIn) show();
    } catch (error) {
      if (error.status === 403) {
        this.account.signOut();
        this.#showProblem("You are signed in, but not as an admin. Sign in as one.", { focus: true });
      } else this.#showProblem(sentenceOf(error));
      return false;
    }
    this.#showProblem("");
    return true;
  }

  #showProblem(sentence, { focus = false } = {}) {
    const changed = find("problem").textContent !== sentence;
    find("problem").textContent = sentence;
    find("problem").hidden = !sentence;
    if (focus) find("problem").focus();
    else if (sentence && changed) tell("alert", sentence);
  }

  async #signIn(event) {
    event.preventDefault();
    try {
      await this.account.signIn(find("username").value, find("password").value);
    } catch (error) {
      this.#showProblem(sentenceOf(error), { focus: true });
      return;
    }
    find("password").value = "";
    await this.look();
    if (this.account.signedIn) find(this.#entrance).focus();
  }

  #change() {
    find("sign-in").hidden = this.account.signedIn;
    find("signed-in").hidden = !this.account.signedIn;
    if (this.account.signedIn) return;
    clearTimeout(this.#timer);
    this.#empty();
    find("username").focus();
  }

  #pause() {
    this.#paused = !this.#paused;
    find("pause").setAttribute("aria-pressed", String(this.#paused));
    if (!this.#paused) this.look();
  }
}
