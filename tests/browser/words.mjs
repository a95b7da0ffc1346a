/** The words of the page, without a page: its catalogs as they are written, and what is made of numbers and times. */

import assert from "node:assert/strict";
import fs from "node:fs";

import { readBar } from "../../web/bars.js";
import { Chart } from "../../web/chart.js";
import { changePercent } from "../../web/decimals.js";
import { describeSince } from "../../web/readings.js";
import { loadWords, LOCALES } from "../../web/words.js";
import { test } from "./harness.mjs";

const CODES = Object.keys(LOCALES);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

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

test("a length of time is said in its two largest units as the service says it", async () => {
  const [english, german, arabic] = await Promise.all(["en", "de", "ar"].map((code) => loadWords(code, "UTC")));
  const cases = [
    [0, "0 seconds"],
    [90_000, "1 minute 30 seconds"],
    [15 * MINUTE_MS, "15 minutes"],
    [75 * MINUTE_MS, "1 hour 15 minutes"],
    [90 * MINUTE_MS, "1 hour 30 minutes"],
    [DAY_MS + 59 * MINUTE_MS, "1 day"],
    [50 * HOUR_MS, "2 days 2 hours"],
  ];
  for (const [durationMs, text] of cases) assert.equal(english.duration(durationMs), text);
  assert.equal(german.duration(90 * MINUTE_MS), "1 Stunde 30 Minuten");
  assert.equal(arabic.duration(90 * MINUTE_MS), "ساعة واحدة و30 دقيقة");
});

test("a decimal may be typed as the page says it", async () => {
  const cases = [
    ["de", "0,5", "0.5"],
    ["fr", " 1,5 ", "1.5"],
    ["pl", "60000,25", "60000.25"],
    ["de", "0.5", "0.5"],
    // A group of thousands is read as people of the language write it; what else is there is refused elsewhere.
    ["de", "67.123", "67123"],
    ["de", "1.234,5", "1234.5"],
    ["de", "0.123", "0.123"],
    ["de", "67.1234", "67.1234"],
    ["de", "1,234,567", "1,234,567"],
    ["fr", "60 000,5", "60000.5"],
    ["pl", "60 000", "60000"],
    ["en", "60,000", "60000"],
    ["en", "1,234,567.25", "1234567.25"],
    ["en", "60,00", "60,00"],
    ["ja", "60,000", "60000"],
    ["ar", "60,000.5", "60000.5"],
  ];
  for (const [code, given, taken] of cases) {
    const words = await loadWords(code, "UTC");
    assert.equal(words.typed(given), taken, `${code} ${given}`);
    assert.equal(words.typed(words.typing("59400.25")), "59400.25", code);
  }
});

test("a bar of several weeks or months is named by the day of its open alone", async () => {
  const openMs = Date.UTC(2026, 9, 5);
  for (const code of CODES) {
    const words = await loadWords(code, "Asia/Tokyo");
    const [day, ...longer] = ["1d", "2w", "3M", "1w", "1M"].map((timeframe) => words.barTime(openMs, timeframe));
    assert.deepEqual(longer.slice(0, 2), [day, day], code);
    assert.equal(new Set([day, ...longer]).size, 3, code);
  }
});

test("the year is said where a day could be of more than one", async () => {
  const words = await loadWords("en", "UTC");
  const say = (...times) => {
    const chart = new Chart({ market: "simulated", exchange: "simex", symbol: "BTC/USD", timeframe: "1h" });
    for (const time of times) {
      const price = { open: "1", high: "1", low: "1", close: "1", volume: "1" };
      chart.bars.take(readBar({ open_time_ms: time, ...price, state: "closed", revision: 0, source: "simulated" }));
    }
    return chart.barTime(times[0], words);
  };
  const now = Date.now();
  const newYear = Date.UTC(new Date(now).getUTCFullYear(), 0, 1);
  assert.equal(say(Date.UTC(2023, 2, 5, 13), Date.UTC(2023, 2, 5, 14)), "5 March 2023, 13:00");
  assert.equal(say(newYear - HOUR_MS, newYear), `31 December ${new Date(newYear - 1).getUTCFullYear()}, 23:00`);
  assert.equal(say(newYear, Math.max(newYear + HOUR_MS, now - DAY_MS)), "1 January, 00:00");
  assert.match(say(now - 366 * DAY_MS), / \d{4}, \d\d:\d\d$/);
});

test("what was missed is told from the open of the bar that was seen last", async () => {
  const words = await loadWords("en", "UTC");
  const chart = new Chart({ market: "simulated", exchange: "simex", symbol: "BTC/USD", timeframe: "1h" });
  const bar = (hour, open, high, low, close) =>
    readBar({ open_time_ms: hour * HOUR_MS, open, high, low, close, volume: "1", state: "closed", revision: 0 });
  chart.bars.take(bar(480_000, "100", "110", "90", "110"));
  assert.equal(describeSince(480_000 * HOUR_MS, chart, words), null);
  chart.bars.take(bar(480_001, "110", "112", "105", "110"));
  const since = describeSince(480_000 * HOUR_MS, chart, words);
  assert.match(since, /^Since .*: high 112, low 90, now 110, up 10.0 percent\.$/);
});

test("a price that is left is never told as all lost", () => {
  const cases = [
    ["100", "0.04", "-99.96"],
    ["100", "0.0001", "-99.9999"],
    ["100", "0", "-100.0"],
    ["100", "-0.04", "-100.04"],
    ["100", "0.06", "-99.9"],
    ["100", "199.99", "100.0"],
    ["60000", "60000.01", "0.00002"],
    ["100", "100", "0"],
  ];
  for (const [from, to, percent] of cases) assert.equal(changePercent(from, to), percent, `${from} to ${to}`);
});
