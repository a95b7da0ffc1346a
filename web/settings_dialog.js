/** The dialog of settings: every choice holds at once and is kept. */

import { field, frame, make, select } from "./dialogs.js";
import { objection, SINGLE_KEYS, singleKeys } from "./keys.js";
import { LOCALES } from "./words.js";

export const MODES = ["off", "alerts", "important", "all"];
export const VERBOSITIES = ["brief", "normal", "full"];

/** Open it; it is made anew in the present language. */
export function openSettings(dialog, settings, words) {
  const named = (prefix, values) => values.map((value) => [value, words.say(`${prefix}_${value}`)]);
  const choice = (name, label, choices, hint = null) => {
    const control = select(choices, settings.get(name));
    control.addEventListener("change", () => {
      const number = typeof settings.get(name) === "number";
      settings.set(name, number ? Number(control.value) : control.value);
    });
    return field(`setting-${name}`, words.say(label), control, hint && words.say(hint));
  };
  const numbers = (name, label, least, most, step, hint = null) => {
    const control = make("input", { type: "number", min: least, max: most, step, value: settings.get(name) });
    control.addEventListener("change", () => {
      // The browser says what is wrong, in its own words.
      const fits = control.reportValidity();
      control.setAttribute("aria-invalid", String(!fits));
      if (fits) settings.set(name, Number(control.value));
    });
    return field(`setting-${name}`, words.say(label), control, hint && words.say(hint));
  };
  const flag = (name, label) => {
    const control = make("input", { type: "checkbox", id: `setting-${name}`, checked: settings.get(name) });
    control.addEventListener("change", () => settings.set(name, control.checked));
    return make(
      "p",
      { className: "field check" },
      control,
      make("label", { htmlFor: control.id }, words.say(label)),
    );
  };
  const group = (title, ...fields) =>
    make(
      "fieldset",
      {},
      make("legend", {}, words.say(title)),
      make("div", { className: "fields" }, ...fields),
    );

  const zones = [
    ["", words.say("zone_local")],
    ["UTC", words.say("zone_utc")],
  ];
  dialog.open(
    ...frame(
      dialog,
      "settings-title",
      words,
      "settings",
      group(
        "group_speech",
        choice("mode", "setting_mode", named("mode", MODES)),
        choice("verbosity", "setting_verbosity", named("verbosity", VERBOSITIES)),
        numbers("minimumGap", "setting_gap", 1, 3_600, 1, "setting_gap_hint"),
        numbers("movePercent", "setting_move", 0.01, 100, 0.01),
        numbers("wordsPerMinute", "setting_words", 60, 800, 1),
      ),
      group(
        "group_page",
        choice("locale", "setting_locale", [["", words.say("locale_browser")], ...Object.entries(LOCALES)]),
        choice("timeZone", "setting_zone", zones),
        choice("theme", "setting_theme", named("theme", ["system", "light", "dark"])),
        choice(
          "barsLoaded",
          "setting_bars",
          [100, 500, 1000, 5000].map((count) => [count, words.number(count)]),
        ),
        choice(
          "rowsPerPage",
          "setting_rows",
          [25, 50, 100].map((count) => [count, words.number(count)]),
        ),
      ),
      group(
        "group_sound",
        numbers("volume", "setting_volume", 0, 100, 1),
        numbers("soundSeconds", "setting_seconds", 2, 60, 1),
        flag("toneOnMove", "setting_tone"),
      ),
      group("group_keys", flag("singleKeys", "setting_single_keys"), ...keyFields(settings, words)),
    ),
  );
}

function keyFields(settings, words) {
  return Object.keys(SINGLE_KEYS).map((command) => {
    const control = make("input", {
      type: "text",
      maxLength: 1,
      size: 2,
      value: singleKeys(settings)[command],
    });
    control.autocomplete = "off";
    const made = field(`key-${command}`, words.say(`does_${command}`), control, words.say("key_hint"));
    const hint = made.querySelector(".hint");
    control.addEventListener("input", () => {
      const key = control.value.toLowerCase();
      const wrong = objection(settings, command, key);
      control.setAttribute("aria-invalid", String(wrong !== null));
      hint.textContent = words.say(wrong ?? "key_hint");
      if (wrong === null) settings.set("keys", { ...settings.get("keys"), [command]: key });
    });
    return made;
  });
}
