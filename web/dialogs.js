/**
 * Opening and closing dialogs that silence nothing.
 *
 * A modal dialog makes the rest of the page inert, live regions included, and a critical announcement would go
 * unheard. So these are not modal: the tab key goes round in them, Escape closes them, and the focus returns.
 */

const FOCUSABLE =
  "button:not([disabled]), a[href], input:not([disabled]), select:not([disabled]), [tabindex='0']";

export class Dialog {
  #element;
  #opener = null;

  constructor(element) {
    this.#element = element;
    element.addEventListener("keydown", (event) => this.#key(event));
  }

  get element() {
    return this.#element;
  }

  get isOpen() {
    return this.#element.open;
  }

  /**
   * Open with these contents; the focus goes to its heading, so that it is read from the start. Of one that is
   * open the contents are made anew, and the focus stays at what has the same id.
   */
  open(...contents) {
    const place = this.isOpen && this.#element.contains(document.activeElement) ? document.activeElement.id : "";
    if (!this.isOpen) this.#opener = document.activeElement;
    this.#element.replaceChildren(...contents);
    this.#element.show();
    const stop = (place && document.getElementById(place)) || this.#element.querySelector("h2");
    stop?.focus();
  }

  close() {
    if (!this.isOpen) return;
    this.#element.close();
    this.#element.replaceChildren();
    if (this.#opener?.isConnected) this.#opener.focus();
  }

  #key(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    }
    if (event.key !== "Tab") return;
    const stops = [...this.#element.querySelectorAll(FOCUSABLE)];
    const [first, last] = [stops[0], stops.at(-1)];
    const place = document.activeElement;
    if (event.shiftKey && (place === first || !stops.includes(place))) move(event, last);
    else if (!event.shiftKey && place === last) move(event, first);
  }
}

function move(event, stop) {
  event.preventDefault();
  stop.focus();
}

/** Make an element: name, properties (data-, aria- and others), children. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element && !key.includes("-")) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** Make the heading of a dialog, which can take the focus, and the button that closes it. */
export function frame(dialog, id, words, title, ...children) {
  const heading = make("h2", { id, tabIndex: -1 }, words.say(title));
  const close = make("button", { type: "button" }, words.say("close_dialog"));
  close.addEventListener("click", () => dialog.close());
  return [heading, ...children, make("p", { className: "actions" }, close)];
}

/** Make a labelled field; the hint, if any, belongs to it. */
export function field(id, label, control, hint = null) {
  control.id = id;
  const parts = [make("label", { htmlFor: id }, label), control];
  if (hint) {
    parts.push(make("span", { id: `${id}-hint`, className: "hint" }, hint));
    control.setAttribute("aria-describedby", `${id}-hint`);
  }
  return make("p", { className: "field" }, ...parts);
}

/** Make a select of [value, text] pairs. */
export function select(choices, chosen) {
  const control = make("select");
  for (const [value, text] of choices) {
    control.append(make("option", { value, selected: String(value) === String(chosen) }, text));
  }
  return control;
}
