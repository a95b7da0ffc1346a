/** The page of jobs: under its real policy, with the keyboard alone, heard when a run ends, and clean to axe. */

import assert from "node:assert/strict";

import { clean, focused, listen, tabTo, typeAccount, typeIn } from "./admin_page.mjs";
import { screenshot, test } from "./harness.mjs";

// Two tables with a button in each row.
const PRESSES_MAX = 120;

test("the page of jobs is clean to axe before and after signing in", async (visit) => {
  const page = await visit.openPath("/admin/jobs");
  await clean(page, "before");
  await typeIn(visit, page, "#runs-scroller");
  assert.equal(await focused(page), "runs-heading");
  await clean(page, "after");
  await screenshot(page, "jobs", { fullPage: true });
  for (const [table, caption] of [["#runs", "Runs of jobs, the newest first"], ["#jobs", "Jobs, and when they come next"]]) {
    assert.equal(await page.locator(`${table} caption`).textContent(), caption);
    const bare = await page.locator(`${table} thead th:not([scope=col]), ${table} tbody tr > :first-child:not(th[scope=row])`).count();
    assert.equal(bare, 0);
  }
  await page.setViewportSize({ width: 320, height: 640 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), "it reflows at 320 pixels");
});

test("a job is ordered with the keyboard alone and its end is heard", async (visit) => {
  const page = await visit.openPath("/admin/jobs");
  const ears = await listen(page);
  await typeIn(visit, page, "#runs-scroller");
  await tabTo(page, "Run tidy now", PRESSES_MAX);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => globalThis.heard.some((text) => /^(status|alert): tidy, run \d+, is done: \d+ rows? changed\.$/.test(text)), null, { timeout: 60_000 });
  assert.match((await ears.all())[0], /^(status|alert): tidy (was ordered, as run \d+|is waiting or running already, as run \d+)\.$/);
  // What was pressed has kept the focus through every change of the tables.
  assert.equal(await focused(page), "Run tidy now");
  await tabTo(page, "pause", PRESSES_MAX);
  await page.keyboard.press("Enter");
  assert.equal(await page.getAttribute("#pause", "aria-pressed"), "true");
});

test("a wrong password on the page of jobs is told and read", async (visit) => {
  const page = await visit.openPath("/admin/jobs");
  await typeAccount(page, { username: "nobody", password: "a sentence that nobody knows" });
  await page.locator("#problem:not([hidden])").waitFor();
  assert.equal(await focused(page), "problem");
  assert.match(await page.textContent("#problem"), /password/);
  // Chromium itself complains of every answer that refuses.
  visit.complaints = visit.complaints.filter((complaint) => !complaint.includes("401"));
});
