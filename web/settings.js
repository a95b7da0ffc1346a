/** What the user has chosen, kept in this browser; passwords and tokens are never among it. */

const KEY = "accessibletrader.settings";

export const DEFAULTS = {
  locale: "",
  timeZone: "",
  theme: "system",
  mode: "important",
  verbosity: "normal",
  minimumGap: 10,
  wordsPerMinute: 175,
  movePercent: 0.5,
  singleKeys: true,
  keys: {},
  toneOnMove: false,
  volume: 50,
  soundSeconds: 6,
  barsLoaded: 500,
  barsShown: 80,
  rowsPerPage: 25,
  chart: null,
};

export class Settings extends EventTarget {
  #values;

  constructor() {
    super();
    this.#values = { ...DEFAULTS, ...read(KEY) };
  }

  get(name) {
    return this.#values[name];
  }

  /** Set one, keep it, and tell who listens for "change". */
  set(name, value) {
    if (this.#values[name] === value) return;
    this.#values[name] = value;
    write(KEY, this.#values);
    this.dispatchEvent(new CustomEvent("change", { detail: name }));
  }
}

/** Return what is kept under a name, or an empty object: a full or locked store must not stop the page. */
export function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? {};
  } catch {
    return {};
  }
}

export function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Private windows and full stores: the choice holds until the page is closed.
  }
}
