/** Everything can be done with the keyboard alone: twenty-four tasks, one after the other, without a mouse. */

import assert from "node:assert/strict";

import { CHART, DEADLINE_MS, test } from "./harness.mjs";

const focused = (page) =>
  page.evaluate(() => {
    const { id, tagName, textContent } = document.activeElement;
    return id || `${tagName.toLowerCase()} ${textContent.trim().slice(0, 30)}`;
  });
const value = (page) => page.locator("#surface").getAttribute("aria-valuetext");
const place = async (page) => Number(await page.locator("#surface").getAttribute("aria-valuenow"));
const status = (page) => page.locator("#status");

async function tabTo(page, id, key = "Tab") {
  for (let presses = 0; presses < 80; presses += 1) {
    if ((await focused(page)) === id) return;
    await page.keyboard.press(key);
  }
  assert.fail(`The tab key never reached ${id}.`);
}

async function said(page, text) {
  await status(page).getByText(text).waitFor({ timeout: DEADLINE_MS });
}

test("a person with a keyboard alone can do everything", async (visit) => {
  const page = await visit.open();
  const done = [];
  const task = async (name, act) => {
    try {
      await act();
    } catch (error) {
      throw new Error(`${name}: ${error.message}`, { cause: error });
    }
    done.push(name);
  };
  const press = (key) => page.keyboard.press(key);

  await task("skip to the chart", async () => {
    await press("Tab");
    assert.equal(await focused(page), "skip");
    await press("Enter");
    assert.equal(await focused(page), "surface");
  });
  await task("walk back and forth through the bars", async () => {
    const last = await place(page);
    await press("ArrowLeft");
    await press("ArrowLeft");
    assert.equal(await place(page), last - 2);
    await press("ArrowRight");
    assert.equal(await place(page), last - 1);
    assert.match(
      await value(page),
      /^\d+ \w+, \d\d:\d\d\. Close [\d,]+\.\d\d, (up|down) [\d.]+ percent\.|unchanged/,
    );
  });
  await task("walk through the values of a bar", async () => {
    const heard = [];
    for (let count = 0; count < 5; count += 1) {
      await press("ArrowDown");
      heard.push((await value(page)).split(" ")[0]);
    }
    assert.deepEqual(heard, ["Volume", "Open", "High", "Low", "Close"]);
    await press("ArrowUp");
    assert.match(await value(page), /^Low [\d,]+\.\d\d, /);
    await press("ArrowDown");
  });
  await task("jump by ten bars", async () => {
    const before = await place(page);
    await press("PageUp");
    assert.equal(await place(page), before - 10);
    await press("PageDown");
    assert.equal(await place(page), before);
  });
  await task("go to the first bar and be told of the edge", async () => {
    await press("Home");
    assert.equal(await place(page), 1);
    await press("ArrowLeft");
    assert.match(await value(page), /^First bar\. /);
  });
  await task("go to the last bar and be told of the edge", async () => {
    await press("End");
    await press("ArrowRight");
    assert.match(await value(page), /^Last bar\. /);
  });
  await task("jump to landmarks", async () => {
    await press("[");
    const first = await value(page);
    await press("[");
    assert.notEqual(await value(page), first);
    await press("]");
    assert.equal(await value(page), first);
  });
  await task("hear the summary", async () => {
    await press("s");
    // The longest form that can be said in eight seconds; the digits of the price decide.
    await said(page, /^Bitcoin( in US dollars)?(, bars of 1 minute)?: [\d,.]+, /);
  });
  await task("return to the latest bar", async () => {
    await press("Home");
    await press("l");
    assert.equal(await place(page), Number(await page.locator("#surface").getAttribute("aria-valuemax")));
  });
  await task("hear what happened since the last visit", async () => {
    await press("r");
    await said(page, /first visit|Since|Nothing new/);
  });
  await task("change what is spoken", async () => {
    await press("m");
    await said(page, "Spoken: everything, bar by bar.");
    for (const text of ["nothing", "alerts and the state of the feed", "what is important"]) {
      await press("m");
      await said(page, `Spoken: ${text}.`);
    }
  });
  await task("pause and resume", async () => {
    await press("p");
    await said(page, "Updates paused.");
    await press("p");
    await said(page, "Updates resumed.");
  });
  await task("see more and fewer bars", async () => {
    await press("+");
    await said(page, /^(99|100|101) bars in view\.$/);
    await press("-");
    await said(page, "80 bars in view.");
  });
  await task("play a tone", async () => {
    await press(" ");
    assert.equal(await focused(page), "surface");
  });
  await task("read the help and come back", async () => {
    await press("?");
    assert.equal(await focused(page), "help-title");
    await press("Escape");
    assert.equal(await focused(page), "surface");
  });
  await task("ask for a price alert and come back", async () => {
    await press("a");
    assert.equal(await focused(page), "alert-title");
    await press("Escape");
    assert.equal(await focused(page), "surface");
  });
  await task("leave the chart", async () => {
    await press("Escape");
    assert.equal(await focused(page), "chart-heading");
  });
  await task("leave the chart by the tab key, either way", async () => {
    await tabTo(page, "surface");
    await press("Tab");
    assert.equal(await focused(page), "pause");
    await press("Shift+Tab");
    await press("Shift+Tab");
    assert.equal(await focused(page), "open-account");
  });
  await task("jump by a button of the list of landmarks", async () => {
    await tabTo(page, "open-alert");
    await press("Tab");
    const landmark = await page.evaluate(() => document.activeElement.textContent);
    await press("Enter");
    assert.equal(await focused(page), "surface");
    assert.ok((await value(page)).startsWith(landmark));
  });
  await task("scroll through the announcements", async () => {
    await tabTo(page, "log");
  });
  await task("turn the pages of the table", async () => {
    await tabTo(page, "table-older");
    await press("Enter");
    await page.locator("#caption", { hasText: "page 2 of" }).waitFor();
    await tabTo(page, "table-newer", "Shift+Tab");
    await press("Enter");
    await page.locator("#caption", { hasText: "page 1 of" }).waitFor();
    assert.equal(await focused(page), "table-newer");
  });
  await task("reach the download and the table", async () => {
    await tabTo(page, "csv");
    await press("Tab");
    assert.equal(await focused(page), "table-scroller");
  });
  await task("play the chart as sound and stop it", async () => {
    await tabTo(page, "play", "Shift+Tab");
    await press("Enter");
    await press("Tab");
    assert.equal(await focused(page), "stop");
    await press("Enter");
    await page.locator('#stop[aria-disabled="true"]').waitFor();
    assert.equal(await focused(page), "stop");
  });
  await task("change a setting, and be still there", async () => {
    await tabTo(page, "open-settings", "Shift+Tab");
    await press("Enter");
    assert.equal(await focused(page), "settings-title");
    await tabTo(page, "setting-verbosity");
    await press("f");
    await page.locator('#setting-verbosity:has(option[value="full"]:checked)').waitFor();
    await press("Escape");
    assert.equal(await focused(page), "open-settings");
  });
  await task("choose another chart", async () => {
    await tabTo(page, "symbol", "Shift+Tab");
    await press("E");
    await tabTo(page, "timeframe");
    await press("Tab");
    await press("Enter");
    await page.locator("#instrument", { hasText: "Ether" }).waitFor();
    await said(page, /Ether.* \d+ bars loaded\./);
  });
  assert.ok(done.length >= 20);
  return { tasks: done.length };
});

test("the tab key goes round in a dialog and Escape leaves it", async (visit) => {
  const page = await visit.open();
  await page.locator("#open-help").focus();
  await page.keyboard.press("Enter");
  const stops = new Set();
  for (let presses = 0; presses < 6; presses += 1) {
    await page.keyboard.press("Tab");
    stops.add(await page.evaluate(() => document.activeElement.closest("dialog")?.id));
  }
  await page.keyboard.press("Shift+Tab");
  stops.add(await page.evaluate(() => document.activeElement.closest("dialog")?.id));
  assert.deepEqual([...stops], ["help-dialog"]);
  await page.keyboard.press("Escape");
  assert.equal(await focused(page), "open-help");
});

test("keys of single letters can be changed and switched off", async (visit) => {
  const page = await visit.open();
  await page.locator("#open-settings").click();
  await page.locator("#key-pause").fill("s");
  await page.getByText("This key has another use.").waitFor();
  await page.locator("#key-pause").fill("x");
  await page.keyboard.press("Escape");
  await page.locator("#surface").focus();
  await page.keyboard.press("x");
  await said(page, "Updates paused.");
  await page.locator("#open-settings").click();
  await page.locator("#setting-singleKeys").uncheck();
  await page.keyboard.press("Escape");
  await page.locator("#surface").focus();
  await page.keyboard.press("x");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.locator("#connection").textContent(), "Paused.");
  await page.reload();
  await page.locator('#connection-mark[data-state="live"]').waitFor();
  await page.locator("#surface").focus();
  await page.keyboard.press("x");
  assert.equal(await page.locator("#pause").getAttribute("aria-pressed"), "false");
});

test("what was chosen is there again after a reload", async (visit) => {
  const page = await visit.open({ settings: { mode: "all" } });
  await page.locator("#open-settings").click();
  await page.locator("#setting-theme").selectOption("dark");
  await page.locator("#setting-locale").selectOption("de");
  await page.locator("#setting-locale").waitFor();
  await page.keyboard.press("Escape");
  await page.goto(visit.url);
  await page.locator('html[lang="de"][data-theme="dark"]').waitFor();
  await page.locator("#mode", { hasText: "alles, Balken für Balken" }).waitFor();
  await page.locator("#caption", { hasText: "1 Minute" }).waitFor();
  assert.deepEqual(Object.fromEntries(new URL(page.url()).searchParams), CHART);
});

test("a bar that is two landmarks is one stop at which both are said, in either direction", async () => {
  const { nextLandmark } = await import("../../web/description.js");
  const landmarks = [
    { open_time_ms: 1_000, rank: 2, text: "Highest price." },
    { open_time_ms: 2_000, rank: 3, text: "New low." },
    { open_time_ms: 2_000, rank: 1, text: "Lowest price." },
    { open_time_ms: 3_000, rank: 4, text: "A hole." },
  ];
  const both = { open_time_ms: 2_000, text: "Lowest price. New low." };
  assert.deepEqual(nextLandmark({ landmarks }, 3_000, -1), both);
  assert.deepEqual(nextLandmark({ landmarks }, 1_000, 1), both);
  assert.equal(nextLandmark({ landmarks }, 1_000, -1), null);
  assert.equal(nextLandmark({ landmarks }, 3_000, 1), null);
});
