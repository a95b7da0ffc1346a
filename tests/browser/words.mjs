/** The words of the page, without a page: its catalogs as they are written, and what is made of numbers and times. */

import assert from "node:assert/strict";
import fs from "node:fs";

import { loadWords, LOCALES } from "../../web/words.js";
import { test } from "./harness.mjs";

const CODES = Object.keys(LOCALES);

// Of an object that names a key twice, JavaScript keeps the later without a word: only the source tells.
function keysTwice(code) {
  const source = fs.readFileSync(new URL(`../../web/locales/${code}.js`, import.meta.url), "utf8");
  const bare = source.replace(/\/\*[^]*?\*\//g, "").replace(/"(?:[^"\\]|\\.)*"/g, '""');
  const seen = [];
  const twice = [];
  for (const [token, key] of bare.matchAll(/[{}]|(\w+)(?=\s*:)/g)) {
    if (token === "{") seen.push(new Set());
    else if (token === "}") seen.pop();
    else if (seen.at(-1).has(key)) twice.push(key);
    else seen.at(-1).add(key);
  }
  return twice;
}

test("no catalog has a key twice or lacks one that the page asks for", async () => {
  const folder = new URL("../../web/", import.meta.url);
  const sources = fs.readdirSync(folder).filter((name) => /\.(js|html)$/.test(name));
  const source = sources.map((name) => fs.readFileSync(new URL(name, folder), "utf8")).join("\n");
  const asked = [...source.matchAll(/(?:\bsay\(|data-say(?:-label)?=)"(\w+)"/g)].map((match) => match[1]);
  assert.ok(asked.length > 60, `${asked.length} texts`);
  for (const code of CODES) {
    assert.deepEqual(keysTwice(code), [], code);
    const words = await loadWords(code, "UTC");
    for (const key of asked) assert.ok(words.say(key), `${code} ${key}`);
  }
});

test("the closing price and the button that closes are not one word", async () => {
  const closing = { en: "Close", de: "Schluss", fr: "Clôture", pl: "Zamknięcie", ja: "終値", ar: "الإغلاق" };
  for (const code of CODES) {
    const words = await loadWords(code, "UTC");
    assert.equal(words.say("close"), closing[code]);
    assert.ok(words.say("close_dialog"), code);
  }
});
