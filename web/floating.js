/** Keeps an alert in sight: where its place is scrolled away or behind a dialog, it stands at the foot of the window. */

// Long enough to be read twice; it stays in its place and in the log.
const FLOATING_MS = 20_000;
const CLASS = "floating";

export class Floating {
  #element;
  #place;
  #timer = 0;

  /** element: what floats; its parent keeps its place. */
  constructor(element) {
    this.#element = element;
    this.#place = element.parentElement;
    document.addEventListener("scroll", () => this.#inSight && this.#land(), { capture: true, passive: true });
  }

  /** Let it be seen from now on, wherever the reader is. */
  show() {
    clearTimeout(this.#timer);
    if (this.#inSight) return this.#land();
    this.#element.classList.add(CLASS);
    this.#timer = setTimeout(() => this.#land(), FLOATING_MS);
  }

  get #inSight() {
    const { top, bottom } = this.#place.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight && !document.querySelector("dialog[open]");
  }

  #land() {
    clearTimeout(this.#timer);
    this.#element.classList.remove(CLASS);
  }
}
