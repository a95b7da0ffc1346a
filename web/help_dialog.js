/** The dialog of help: every key, as the user has them, and what is spoken when. */

import { frame, make } from "./dialogs.js";
import { FIXED_KEYS, NAMES_OF_FIXED_KEYS, singleKeys } from "./keys.js";

export function openHelp(dialog, settings, words) {
  const fixed = Object.values(FIXED_KEYS).map((command) => [
    words.say(NAMES_OF_FIXED_KEYS[command]),
    command,
  ]);
  const single = Object.entries(singleKeys(settings)).map(([command, key]) => [key.toUpperCase(), command]);
  const rows = [...fixed, ...single].map(([key, command]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, make("kbd", {}, key)),
      make("td", {}, words.say(`does_${command}`)),
    ),
  );
  const head = make(
    "tr",
    {},
    make("th", { scope: "col" }, words.say("key")),
    make("th", { scope: "col" }, words.say("key_does")),
  );
  const table = make(
    "table",
    {},
    make("caption", {}, words.say("keys_caption")),
    make("thead", {}, head),
    make("tbody", {}, ...rows),
  );
  const paragraphs = ["help_keys", "help_spoken", "help_table", "help_sound"].map((key) =>
    make("p", {}, words.say(key)),
  );
  const off = settings.get("singleKeys") ? [] : [make("p", {}, words.say("help_single_off"))];
  dialog.open(...frame(dialog, "help-title", words, "open_help", ...off, ...paragraphs, table));
}
