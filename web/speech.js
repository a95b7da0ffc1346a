/**
 * What is spoken, and when: three live regions, of which two speak.
 *
 * Routine sentences go to the region of role status, critical ones to that of role alert. The log keeps the
 * newest fifty and is silent. Routine ones wait until three seconds after the last key, so that nothing is said
 * into the answer to a key; of those that wait, only the newest of a kind is said.
 */

import { Floating } from "./floating.js";

const QUIET_AFTER_KEY_MS = 3_000;
const LOG_MAX = 50;

export class Speech {
  #status;
  #alert;
  #floating;
  #list;
  #clock;
  #waiting = new Map();
  #timer = 0;
  #lastKeyMs = -QUIET_AFTER_KEY_MS;
  paused = false;

  constructor({ status, alert, list }, clock) {
    this.#status = status;
    this.#alert = alert;
    this.#floating = new Floating(alert);
    this.#list = list;
    this.#clock = clock;
    for (const name of ["keydown", "pointerdown"]) {
      document.addEventListener(name, () => (this.#lastKeyMs = performance.now()), { capture: true });
    }
  }

  /** Answer a key or a button at once. */
  answer(text, language = null) {
    put(this.#status, text, language);
  }

  /** Say something that may wait; the newest of a kind replaces the one that waits. */
  routine(text, { kind = "page", language = null, logged = true } = {}) {
    if (logged) this.note(text, language);
    this.#waiting.delete(kind);
    this.#waiting.set(kind, { text, language });
    this.#flushLater();
  }

  /** Say something that must not wait. */
  critical(text, { language = null } = {}) {
    this.note(text, language);
    put(this.#alert, text, language);
    this.#floating.show();
  }

  /** Write into the log without saying it. */
  note(text, language = null) {
    const item = document.createElement("li");
    const time = document.createElement("time");
    const now = Date.now();
    time.dateTime = new Date(now).toISOString();
    time.textContent = this.#clock(now);
    const words = document.createElement("span");
    words.textContent = text;
    tag(words, language);
    item.append(time, " ", words);
    this.#list.prepend(item);
    while (this.#list.childElementCount > LOG_MAX) this.#list.lastElementChild.remove();
  }

  #flushLater() {
    clearTimeout(this.#timer);
    const waitMs = Math.max(0, this.#lastKeyMs + QUIET_AFTER_KEY_MS - performance.now());
    if (waitMs > 0) this.#timer = setTimeout(() => this.#flushLater(), waitMs);
    else this.#flush();
  }

  #flush() {
    const sentences = [...this.#waiting.values()];
    this.#waiting.clear();
    if (this.paused || sentences.length === 0) return;
    const text = sentences.map((sentence) => sentence.text).join(" ");
    put(this.#status, text, sentences[0].language);
  }
}

// One new element each time, so that a sentence that is repeated is a change as well, and a single one.
function put(region, text, language) {
  const sentence = document.createElement("span");
  tag(sentence, language);
  sentence.textContent = text;
  region.replaceChildren(sentence);
}

function tag(element, language) {
  if (language !== null) [element.lang, element.dir] = [language.lang, language.dir];
}
