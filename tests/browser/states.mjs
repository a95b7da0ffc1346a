/** axe finds nothing in any state of the page; what it cannot decide is counted, and judged in docs/accessibility.md. */

import assert from "node:assert/strict";
import fs from "node:fs";

import { announcement, CHART, judge, live, screenshot, test, Wire } from "./harness.mjs";

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

test("axe finds nothing wrong with the page while it is live", async (visit) => {
  const page = await visit.open();
  await page.locator("#landmarks button").first().waitFor();
  return clean(page, "state-live", { fullPage: true });
});

test("axe finds nothing wrong with the page while it is paused", async (visit) => {
  const page = await visit.open();
  await page.getByRole("button", { name: "Pause updates" }).click();
  await page.locator("#connection", { hasText: "Paused." }).waitFor();
  return clean(page, "state-paused");
});

test("axe finds nothing wrong with the page while it is offline", async (visit) => {
  const wire = new Wire();
  const page = await visit.open({ prepare: (each) => wire.put(each) });
  wire.cut();
  await page.locator("#connection", { hasText: "Connection lost." }).waitFor();
  return clean(page, "state-offline");
});

test("axe finds nothing wrong with the page while an alert is up", async (visit) => {
  const wire = new Wire();
  const page = await visit.open({ prepare: (each) => wire.put(each) });
  wire.say(
    announcement("Alert: Bitcoin rose above 60,000.00, now 60,012.50.", {
      priority: "critical",
      kind: "alert",
    }),
  );
  await page.getByRole("alert").getByText("rose above").waitFor();
  return clean(page, "state-alert");
});

test("axe finds nothing wrong with the table on its second page", async (visit) => {
  const page = await visit.open();
  await page.getByRole("button", { name: "Older bars" }).click();
  await page.locator("#caption", { hasText: "page 2" }).waitFor();
  return clean(page, "state-table");
});

test("axe finds nothing wrong with the dialogs", async (visit) => {
  const page = await visit.open();
  const found = {};
  for (const [button, name] of [
    ["Settings", "settings"],
    ["Keys and help", "help"],
    ["Sign in", "account"],
    ["Add a price alert", "alert"],
  ]) {
    await page.getByRole("button", { name: button, exact: true }).click();
    await page.getByRole("dialog").getByRole("heading").first().waitFor();
    // The settings with all that is behind them, the others by themselves.
    found[name] = await clean(
      page,
      `state-dialog-${name}`,
      name === "settings" ? {} : { within: `#${name}-dialog` },
    );
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  }
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

test("axe finds nothing wrong with the page in the dark", async (visit) => {
  const page = await visit.open({ colorScheme: "dark" });
  return clean(page, "state-dark");
});

test("axe finds nothing wrong with the page in forced colours", async (visit) => {
  const page = await visit.open({ forcedColors: "active" });
  return clean(page, "state-forced-colours");
});

test("axe finds nothing wrong with the page at 320 pixels", async (visit) => {
  const page = await visit.open({ viewport: { width: 320, height: 640 } });
  return clean(page, "state-narrow", { fullPage: true });
});

test("axe finds nothing wrong with the page in Arabic", async (visit) => {
  const page = await visit.open({ locale: "ar", ready: false });
  await page.locator('html[lang="ar"][dir="rtl"]').waitFor();
  await page.locator('#connection-mark[data-state="live"]').waitFor();
  await page.locator("#log-list li").first().waitFor();
  return clean(page, "state-arabic");
});
