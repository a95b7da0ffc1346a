/** Read an AsyncAPI document from the input, and say what the parser of AsyncAPI finds. */

import { text } from "node:stream/consumers";
import { Parser } from "@asyncapi/parser";

// Advice on the newest version of the format, and on fields that we have no use for.
const ADVICE = new Set(["asyncapi-latest-version", "asyncapi3-tags", "asyncapi-info-contact"]);

const { document, diagnostics } = await new Parser().parse(await text(process.stdin));
const found = diagnostics.filter(({ code }) => !ADVICE.has(code)).map(({ code, message, path }) => `${code} ${path.join("/")}: ${message}`);
process.stdout.write(JSON.stringify({
  channels: document?.allChannels().length ?? 0,
  operations: document?.allOperations().length ?? 0,
  found,
}));
