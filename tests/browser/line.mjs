/** The live line and whose it is: a service that does not answer signs nobody out, and one that refuses is told. */

import assert from "node:assert/strict";

import { live, signIn, test, Wire } from "./harness.mjs";

// So short that the page trades its tokens a second later.
const SHORT_S = 31;
const BUSY = { code: "unavailable", detail: "Not now." };
const REFUSED = { code: "unauthorized", detail: "Sign in." };

const problem = (route, status, json) =>
  route.fulfill({ status, contentType: "application/problem+json", json });

async function openSignedIn(visit, prepare = async () => {}) {
  const wire = new Wire();
  const page = await visit.open({
    prepare: async (each) => {
      await wire.put(each);
      await prepare(each);
    },
  });
  await signIn(page, visit.accounts);
  await lineWithTicket(page, wire);
  return { page, wire };
}

const hasTicket = (wire) => new URL(wire.addresses.at(-1)).searchParams.has("ticket");

async function lineWithTicket(page, wire) {
  while (!hasTicket(wire)) await page.waitForTimeout(20);
  await live(page);
}

async function breakLine(page, wire) {
  const before = wire.opened;
  wire.cut();
  await page.locator('#connection-mark[data-state="offline"]').waitFor();
  wire.heal();
  return before;
}

async function shortTokens(page) {
  await page.route("**/auth/login", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), expires_in: SHORT_S } });
  });
}

async function isSignedOut(page, wire) {
  await page.locator("#alert", { hasText: "You are signed out" }).waitFor();
  await page.locator("#open-account", { hasText: "Sign in" }).waitFor();
  await live(page);
  assert.ok(!hasTicket(wire), "The line is still the user's.");
}

test("who is signed in stays so while the service cannot trade tokens", async (visit) => {
  let asked = 0;
  const { page, wire } = await openSignedIn(visit, async (each) => {
    await shortTokens(each);
    await each.route("**/auth/refresh", (route) => {
      asked += 1;
      return asked < 3 ? problem(route, asked === 1 ? 503 : 429, BUSY) : route.continue();
    });
  });
  await page.waitForResponse((response) => response.url().endsWith("/auth/refresh") && response.ok());
  assert.equal(asked, 3);
  assert.equal(await page.locator("#open-account").textContent(), "Account");
  // An alert of the same user may have fired meanwhile.
  assert.doesNotMatch(await page.locator("#alert").textContent(), /signed out/);
  assert.ok(hasTicket(wire));
  visit.complaints.length = 0;
});

test("whose tokens the service refuses is signed out and told so", async (visit) => {
  const { page, wire } = await openSignedIn(visit, async (each) => {
    await shortTokens(each);
    await each.route("**/auth/refresh", (route) => problem(route, 401, REFUSED));
  });
  await isSignedOut(page, wire);
  visit.complaints.length = 0;
});

test("a line that comes back is the user's even if its ticket is late", async (visit) => {
  let asked = 0;
  const { page, wire } = await openSignedIn(visit);
  await page.route("**/auth/ws-ticket", (route) => {
    asked += 1;
    return asked < 3 ? problem(route, 503, BUSY) : route.continue();
  });
  const before = await breakLine(page, wire);
  await live(page);
  assert.equal(asked, 3);
  assert.equal(wire.opened, before + 1);
  assert.ok(hasTicket(wire), "The line came back as nobody's.");
  visit.complaints.length = 0;
});

test("whose ticket the service refuses is signed out and told so", async (visit) => {
  const { page, wire } = await openSignedIn(visit);
  await page.route("**/auth/ws-ticket", (route) => problem(route, 401, REFUSED));
  await breakLine(page, wire);
  await isSignedOut(page, wire);
  visit.complaints.length = 0;
});

test("a line that heard no announcement resumes from the place that it was told", async (visit) => {
  const wire = new Wire();
  let placed = false;
  wire.alter = (told) => {
    placed ||= told.type === "preferred";
    return told.type === "preferred" ? { ...told, sequence: 7 } : told;
  };
  const page = await visit.open({ prepare: (each) => wire.put(each) });
  while (!placed) await page.waitForTimeout(20);
  assert.equal(new URL(wire.addresses[0]).searchParams.get("announce_since"), null);
  await breakLine(page, wire);
  await live(page);
  const sequences = [7, ...wire.announced.map(({ sequence }) => sequence)];
  assert.equal(new URL(wire.addresses.at(-1)).searchParams.get("announce_since"), String(Math.max(...sequences)));
});

test("a pause that ends while the line is lost does not call it live", async (visit) => {
  const wire = new Wire();
  const page = await visit.open({ prepare: (each) => wire.put(each) });
  wire.cut();
  await page.locator('#connection-mark[data-state="offline"]').waitFor();
  const shown = await page.evaluate(() => {
    const mark = document.querySelector("#connection-mark");
    return [1, 2].map(() => {
      document.querySelector("#pause").click();
      return mark.dataset.state;
    });
  });
  assert.deepEqual(shown, ["paused", "offline"]);
});
