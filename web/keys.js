/** The keys of the chart: what each does, which of them are the user's to change, and reading a press. */

// Commands of single letters and signs can be changed or switched off; the others are as everywhere.
export const SINGLE_KEYS = {
  previousLandmark: "[",
  nextLandmark: "]",
  summary: "s",
  latest: "l",
  sinceVisit: "r",
  addAlert: "a",
  mode: "m",
  pause: "p",
  help: "?",
  more: "+",
  fewer: "-",
};

export const FIXED_KEYS = {
  ArrowLeft: "previousBar",
  ArrowRight: "nextBar",
  ArrowUp: "previousField",
  ArrowDown: "nextField",
  Home: "firstBar",
  End: "lastBar",
  PageUp: "tenBack",
  PageDown: "tenForward",
  " ": "tone",
  Escape: "leave",
};

// How the fixed keys are named in the help.
export const NAMES_OF_FIXED_KEYS = {
  previousBar: "key_left",
  nextBar: "key_right",
  previousField: "key_up",
  nextField: "key_down",
  firstBar: "key_home",
  lastBar: "key_end",
  tenBack: "key_page_up",
  tenForward: "key_page_down",
  tone: "key_space",
  leave: "key_escape",
};

/** Return the command of a key press on the chart, or null. */
export function commandOf(event, settings) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (event.key in FIXED_KEYS) return FIXED_KEYS[event.key];
  if (!settings.get("singleKeys")) return null;
  const keys = singleKeys(settings);
  const pressed = event.key.toLowerCase();
  return Object.keys(keys).find((command) => keys[command] === pressed) ?? null;
}

/** Return the key of each command as the user has it. */
export function singleKeys(settings) {
  return { ...SINGLE_KEYS, ...settings.get("keys") };
}

/** Return why a key cannot be given to a command: "key_needed", "key_taken", or null when it can. */
export function objection(settings, command, key) {
  if ([...key].length !== 1 || key === " ") return "key_needed";
  const taken = Object.entries(singleKeys(settings)).some(([other, its]) => its === key && other !== command);
  return taken ? "key_taken" : null;
}
