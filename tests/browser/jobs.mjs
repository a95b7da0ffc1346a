/** The page of jobs: under its real policy, with the keyboard alone, heard when a run ends, and clean to axe. */

import assert from "node:assert/strict";

import { judge, screenshot, test } from "./harness.mjs";

const DEADLINE_MS = 20_000;

async function open(visit) {
  const page = await visit.open({ chart: null, ready: false, bypassCSP: false });
  page.setDefaultTimeout(DEADLINE_MS);
  await page.goto(`${visit.url}/admin/jobs`);
  return page;
}

const focused = (page) => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.id);

async function tabTo(page, wanted) {
  for (let presses = 0; presses < 120; presses += 1) {
    if ((await focused(page)) === wanted) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`The tab key never reached ${wanted}.`);
}

async function signIn(visit, page) {
  await tabTo(page, "username");
  await page.keyboard.type(visit.accounts.username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(visit.accounts.password);
  await page.keyboard.press("Enter");
  await page.locator("#runs-scroller").waitFor();
}

async function clean(page, name) {
  const { violations, incomplete } = await judge(page);
  assert.deepEqual(violations, [], name);
  // Columns that are scrolled out of sight, which axe leaves to people; in sight they are the same.
  assert.deepEqual(incomplete.filter(({ rule }) => rule !== "color-contrast"), [], name);
}

test("the page of jobs is clean to axe before and after signing in", async (visit) => {
  const page = await open(visit);
  await clean(page, "before");
  await signIn(visit, page);
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
  const page = await open(visit);
  await page.evaluate(() => {
    globalThis.heard = [];
    for (const id of ["status", "alert"]) {
      new MutationObserver(() => {
        const text = document.getElementById(id).textContent;
        if (text) globalThis.heard.push(text);
      }).observe(document.getElementById(id), { childList: true, characterData: true, subtree: true });
    }
  });
  await signIn(visit, page);
  await tabTo(page, "Run tidy now");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => globalThis.heard.some((text) => /^tidy, run \d+, is done: \d+ rows? changed\.$/.test(text)), null, { timeout: 60_000 });
  assert.match((await page.evaluate(() => globalThis.heard))[0], /^tidy (was ordered, as run \d+|is waiting or running already, as run \d+)\.$/);
  // What was pressed has kept the focus through every change of the tables.
  assert.equal(await focused(page), "Run tidy now");
  await tabTo(page, "pause");
  await page.keyboard.press("Enter");
  assert.equal(await page.getAttribute("#pause", "aria-pressed"), "true");
});

test("a wrong password on the page of jobs is told and read", async (visit) => {
  const page = await open(visit);
  await tabTo(page, "username");
  await page.keyboard.type("nobody");
  await page.keyboard.press("Tab");
  await page.keyboard.type("a sentence that nobody knows");
  await page.keyboard.press("Enter");
  await page.locator("#problem:not([hidden])").waitFor();
  assert.equal(await focused(page), "problem");
  assert.match(await page.textContent("#problem"), /password/);
  // Chromium itself complains of every answer that refuses.
  visit.complaints = visit.complaints.filter((complaint) => !complaint.includes("401"));
});
