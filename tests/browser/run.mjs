/** Run tests as they are asked for: a line of JSON in, a line of JSON out. One browser serves them all. */

import path from "node:path";
import readline from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";

import { launch, testNamed, Visit } from "./harness.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const [executablePath, url, accounts] = process.argv.slice(2);
const browser = await launch(executablePath);

async function run({ file, name }) {
  await import(pathToFileURL(path.join(HERE, file)));
  const visit = new Visit(browser, url, JSON.parse(accounts));
  try {
    const figures = await testNamed(name)(visit);
    if (visit.complaints.length) throw new Error(`The page complained: ${visit.complaints.join("; ")}`);
    return { ok: true, figures: figures ?? {} };
  } catch (error) {
    const more = visit.complaints.length ? `\nThe page complained: ${visit.complaints.join("; ")}` : "";
    return { ok: false, error: `${error.stack}${more}` };
  } finally {
    await visit.close();
  }
}

process.stdout.write(`${JSON.stringify({ ok: true, browser: browser.version() })}\n`);
for await (const line of readline.createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line)))}\n`);
}
await browser.close();
