/** What the tests of pages for admins share: the way in with the keyboard alone, and what axe says there. */

import assert from "node:assert/strict";

import { judge } from "./harness.mjs";

const PRESSES_MAX = 60;

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

/** Note whatever the page says, each text with the region that it stands in. */
export async function listen(page) {
  await page.evaluate(() => {
    globalThis.heard = [];
    for (const id of ["status", "alert"]) {
      new MutationObserver(() => {
        const text = document.getElementById(id).textContent;
        if (text) globalThis.heard.push(`${id}: ${text}`);
      }).observe(document.getElementById(id), { childList: true, characterData: true, subtree: true });
    }
  });
  return {
    all: () => page.evaluate(() => globalThis.heard),
    until: (count) => page.waitForFunction((wanted) => globalThis.heard.length >= wanted, count),
  };
}

export async function typeAccount(page, { username, password }) {
  await tabTo(page, "username");
  await page.keyboard.type(username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
}

/** Sign in as the admin with the keyboard; `shown` is what an admin alone sees. */
export async function typeIn(visit, page, shown) {
  await typeAccount(page, visit.accounts);
  await page.locator(shown).waitFor();
}

export async function clean(page, name) {
  const { violations, incomplete } = await judge(page);
  assert.deepEqual(violations, [], name);
  // Columns that are scrolled out of sight, which axe leaves to people; in sight they are the same.
  assert.deepEqual(incomplete.filter(({ rule }) => rule !== "color-contrast"), [], name);
}
