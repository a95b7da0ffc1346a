/** A page that listens to one chart as a signed-in user, and tells each text of its region for what is critical. */

import { launch, signIn, Visit } from "./harness.mjs";

const [executablePath, url, accounts, chart] = process.argv.slice(2);
const tell = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const browser = await launch(executablePath);
const visit = new Visit(browser, url, JSON.parse(accounts));
const page = await visit.open({ chart: JSON.parse(chart), settings: { mode: "alerts" } });
await signIn(page, visit.accounts);
await page.exposeFunction("tellText", (text, atMs) => tell({ text, atMs }));
await page.evaluate(() => {
  const region = document.querySelector("#alert");
  // The time is taken as soon as the text is in the document, whatever the way to here takes.
  new MutationObserver(() => {
    const text = region.textContent;
    if (text) globalThis.tellText(text, performance.timeOrigin + performance.now());
  }).observe(region, { childList: true, characterData: true, subtree: true });
});
tell({ ready: true });

process.stdin.resume();
process.stdin.on("end", async () => {
  await visit.close();
  await browser.close();
});
