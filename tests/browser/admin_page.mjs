/** What the tests of pages for admins share: the way in with the keyboard alone, and what axe says there. */

import assert from "node:assert/strict";

import { judge } from "./harness.mjs";

const DEADLINE_MS = 20_000;
const PRESSES_MAX = 60;

export async function open(visit, path, options = {}) {
  const page = await visit.open({ chart: null, ready: false, bypassCSP: false, ...options });
  page.setDefaultTimeout(DEADLINE_MS);
  await page.goto(`${visit.url}${path}`);
  return page;
}

/** Return what the focus is on: its label, else its id. */
export const focused = (page) =>
  page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.id);

export async function tabTo(page, wanted, pressesMax = PRESSES_MAX) {
  for (let presses = 0; presses < pressesMax; presses += 1) {
    if ((await focused(page)) === wanted) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`The tab key never reached ${wanted}.`);
}

/** Sign in as the admin; `shown` is what an admin alone sees. */
export async function signIn(visit, page, shown) {
  await tabTo(page, "username");
  await page.keyboard.type(visit.accounts.username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(visit.accounts.password);
  await page.keyboard.press("Enter");
  await page.locator(shown).waitFor();
}

export async function clean(page, name) {
  const { violations, incomplete } = await judge(page);
  assert.deepEqual(violations, [], name);
  // Columns that are scrolled out of sight, which axe leaves to people; in sight they are the same.
  assert.deepEqual(incomplete.filter(({ rule }) => rule !== "color-contrast"), [], name);
}
