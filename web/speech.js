/**
 * What is spoken, and when: three live regions, of which two speak.
 *
 * Routine sentences go to the region of role status, critical ones to that of role alert. The log keeps the
 * newest fifty and is silent. Routine ones wait until three seconds after the last key, so that nothing is said
 * into the answer to a key; of those that wait, only the newest of a kind is said. Critical ones that come within
 * half a second of another are said together, after it.
 */

import { Floating } from "./floating.js";

const QUIET_AFTER_KEY_MS = 3_000;
// Of changes that follow each other faster, a screen reader may speak the last alone.
const CRITICAL_APART_MS = 500;
const CRITICAL_AT_ONCE_MAX = 10;
const LOG_MAX = 50;

export class Speech {
  #status;
  #alert;
  #floating;
  #list;
  #clock;
  #more;
  #waiting = new Map();
  #timer = 0;
  #critical = [];
  #criticalLeft = 0;
  #criticalTimer = 0;
  #criticalSaidMs = -CRITICAL_APART_MS;
  #lastKeyMs = -QUIET_AFTER_KEY_MS;
  paused = false;

  /** clock(timeMs) gives the time of day as text; more(count) says that so many more stand in the log alone. */
  constructor({ status, alert, list }, { clock, more }) {
    this.#status = status;
    this.#alert = alert;
    this.#floating = new Floating(alert);
    this.#list = list;
    this.#clock = clock;
    this.#more = more;
    for (const name of ["keydown", "pointerdown"]) {
      document.addEventListener(name, () => (this.#lastKeyMs = performance.now()), { capture: true });
    }
  }

  /** Answer a key or a button at once. */
  answer(text, language = null) {
    put(this.#status, [{ text, language }]);
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
    if (this.#critical.length < CRITICAL_AT_ONCE_MAX) this.#critical.push({ text, language });
    else this.#criticalLeft += 1;
    clearTimeout(this.#criticalTimer);
    // Timers of a page that is hidden are late: what need not wait is said without one.
    const waitMs = this.#criticalSaidMs + CRITICAL_APART_MS - performance.now();
    if (waitMs > 0) this.#criticalTimer = setTimeout(() => this.#flushCritical(), waitMs);
    else this.#flushCritical();
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

  #flushCritical() {
    const sentences = this.#critical.splice(0);
    if (this.#criticalLeft) sentences.push({ text: this.#more(this.#criticalLeft), language: null });
    this.#criticalLeft = 0;
    put(this.#alert, sentences);
    this.#floating.show();
    this.#criticalSaidMs = performance.now();
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
    put(this.#status, sentences);
  }
}

// New elements each time, so that a sentence that is repeated is a change as well; all of them in a single one.
function put(region, sentences) {
  const spoken = sentences.flatMap(({ text, language }) => {
    const sentence = document.createElement("span");
    tag(sentence, language);
    sentence.textContent = text;
    return [" ", sentence];
  });
  region.replaceChildren(...spoken.slice(1));
}

function tag(element, language) {
  if (language !== null) [element.lang, element.dir] = [language.lang, language.dir];
}
