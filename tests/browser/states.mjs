/** axe finds nothing in any state of the page; what it cannot decide is counted, and judged in docs/accessibility.md. */

import assert from "node:assert/strict";
import fs from "node:fs";

import { announcement, CHART, judge, screenshot, test, Wire } from "./harness.mjs";

// What axe leaves to people, each judged in docs/accessibility.md.
const JUDGED = new Set(
  [
    ...fs
      .readFileSync(new URL("../../docs/accessibility.md", import.meta.url), "utf8")
      .matchAll(/^\| `([a-z-]+)` \|/gm),
  ].map((match) => match[1]),
);

async function clean(page, name, { within = "html", fullPage = false } = {}) {
  const { violations, incomplete } = await judge(page, within);
  await screenshot(page, name, { fullPage });
  assert.deepEqual(violations, [], name);
  const unjudged = incomplete.filter(({ rule }) => !JUDGED.has(rule));
  assert.deepEqual(unjudged, [], `${name}: what axe could not decide and nobody has judged`);
  return { undecided: incomplete.map(({ rule, target }) => `${rule} at ${target}`) };
}

const never = (route) => new Promise(() => route);

test("axe finds nothing wrong with the page before its script has run", async (visit) => {
  const page = await visit.open({
    ready: false,
    waitUntil: "commit",
    prepare: (each) => each.route("**/web/app.js", never),
  });
  await page.getByRole("button", { name: "Keys and help" }).waitFor();
  return clean(page, "state-initial");
});

test("axe finds nothing wrong with the page while it loads", async (visit) => {
  const page = await visit.open({
    ready: false,
    prepare: (each) => each.route("**/market/fetch_ohlcv*", never),
  });
  await page.getByText("The chart is being loaded.").waitFor();
  return clean(page, "state-loading");
});

const TEXT = "Alert: Bitcoin rose above 60,000.00, now 60,012.50.";
const alarm = () => announcement(TEXT, { priority: "critical", kind: "alert" });

test("axe finds nothing wrong with the page in any state that its use brings about", async (visit) => {
  const wire = new Wire();
  const page = await visit.open({ prepare: (each) => wire.put(each) });
  const found = {};
  const judged = async (name, options) => (found[name] = await clean(page, `state-${name}`, options));
  await page.locator("#landmarks button").first().waitFor();
  await judged("live", { fullPage: true });

  await page.getByRole("button", { name: "Pause updates" }).click();
  await page.locator("#connection", { hasText: "Paused." }).waitFor();
  await judged("paused");
  await page.getByRole("button", { name: "Pause updates" }).click();

  await page.getByRole("button", { name: "Older bars" }).click();
  await page.locator("#caption", { hasText: "page 2" }).waitFor();
  await judged("table");

  wire.say(alarm());
  await page.locator("#alert.floating").getByText("rose above").waitFor();
  await judged("alert-floating");
  await page.evaluate(() => scrollTo(0, 0));
  await page.locator("#alert:not(.floating)").waitFor();
  await judged("alert");

  for (const [button, name] of [
    ["Settings", "settings"],
    ["Keys and help", "help"],
    ["Sign in", "account"],
    ["Add a price alert", "alert"],
  ]) {
    await page.getByRole("button", { name: button, exact: true }).click();
    await page.getByRole("dialog").getByRole("heading").first().waitFor();
    // The settings with all that is behind them, the others by themselves.
    await judged(`dialog-${name}`, name === "settings" ? {} : { within: `#${name}-dialog` });
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  }

  // Without the transition of colours, in the middle of which axe would judge them.
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  await judged("dark");
  await page.emulateMedia({ colorScheme: null, forcedColors: "active" });
  await judged("forced-colours");
  await page.emulateMedia({ forcedColors: null });
  await page.setViewportSize({ width: 320, height: 640 });
  await judged("narrow", { fullPage: true });

  wire.cut();
  await page.locator("#connection", { hasText: "Connection lost." }).waitFor();
  await judged("offline");
  return found;
});

test("axe finds nothing wrong with the page of a chart without bars", async (visit) => {
  const empty = (route) =>
    route.fulfill({
      json: {
        ...CHART,
        price_step: "0.01",
        bars: [],
        gaps: [],
        last_bar_state: null,
        revision: 0,
        as_of_ms: 0,
        stale: false,
        next: null,
      },
    });
  const prepare = async (page) => {
    await page.route("**/market/fetch_ohlcv*", empty);
    await page.routeWebSocket(/subscribe/, () => {});
  };
  const page = await visit.open({ ready: false, prepare });
  await page.locator("#table-none", { hasText: "No bars yet" }).waitFor();
  await page.locator("#status", { hasText: "No bars yet." }).waitFor();
  return clean(page, "state-empty");
});

test("axe finds nothing wrong with the page that could not load", async (visit) => {
  const page = await visit.open({ chart: { ...CHART, symbol: "NONE/USD" }, ready: false });
  await page.locator("#problem-text", { hasText: "There is no symbol NONE/USD." }).waitFor();
  visit.complaints.length = 0;
  return clean(page, "state-error");
});

test("axe finds nothing wrong with the page in Arabic", async (visit) => {
  const page = await visit.open({ locale: "ar", ready: false });
  await page.locator('html[lang="ar"][dir="rtl"]').waitFor();
  await page.locator('#connection-mark[data-state="live"]').waitFor();
  await page.locator("#log-list li").first().waitFor();
  return clean(page, "state-arabic");
});
