/** The pages that document the interfaces: under their real policy, offline, and clean to axe as they are used. */

import assert from "node:assert/strict";

import { judge, screenshot, test } from "./harness.mjs";

// Redoc asks its makers for a logo; the policy of the page refuses, and Chromium says so.
const REFUSED = "https://cdn.redoc.ly/redoc/logo";
const DEADLINE_MS = 60_000;

async function open(visit, address) {
  const outside = [];
  const prepare = (page) =>
    page.on("response", (response) => {
      if (!response.url().startsWith(visit.url)) outside.push(response.url());
    });
  const page = await visit.openPath(address, { prepare, deadlineMs: DEADLINE_MS });
  return { page, outside };
}

async function clean(visit, { page, outside }, name) {
  const { violations, incomplete } = await judge(page);
  await screenshot(page, name);
  assert.deepEqual(violations, [], name);
  // Text above a picture or a gradient, which axe leaves to people.
  assert.deepEqual(incomplete.filter(({ rule }) => rule !== "color-contrast"), [], name);
  assert.deepEqual(outside, [], "somebody outside has answered");
  visit.complaints = visit.complaints.filter((complaint) => !complaint.includes(REFUSED));
}

test("axe finds nothing wrong with the document of the HTTP interface", async (visit) => {
  const opened = await open(visit, "/docs");
  await opened.page.getByRole("navigation", { name: "Routes" }).waitFor();
  await opened.page.getByRole("heading", { name: "HTTP interface of AccessibleTrader" }).waitFor();
  assert.equal(await opened.page.getAttribute("html", "lang"), "en");
  return clean(visit, opened, "docs-start");
});

test("axe finds nothing wrong with a route of the HTTP interface that reads", async (visit) => {
  const opened = await open(visit, "/docs#/market/get_ohlcv");
  await opened.page.getByText("How long a bar is").first().waitFor();
  return clean(visit, opened, "docs-route");
});

test("axe finds nothing wrong with a route of the HTTP interface that writes", async (visit) => {
  const opened = await open(visit, "/docs#/alerts/post_alert");
  await opened.page.getByText("hysteresis_percent").first().waitFor();
  return clean(visit, opened, "docs-write");
});

test("axe finds nothing wrong with the document of the WebSockets", async (visit) => {
  const opened = await open(visit, "/docs/websockets");
  const headings = await opened.page.getByRole("heading").allTextContents();
  for (const name of ["/ws/subscribe", "/api/v1/ws", "bars.update", "price_update"]) {
    assert.ok(headings.some((heading) => heading.includes(name)), name);
  }
  return clean(visit, opened, "docs-websockets");
});
