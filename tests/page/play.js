// Plays one story of the page in a browser: `play.js STORY`, with the service's address in LABELTAP_URL.
//
// What has to happen elsewhere (a labeler speaks, the service is killed) is asked for in a line of JSON on standard
// output, `{"do":"…",…}`, and is done once a line with the answer has come back. Whatever the browser complains of, and
// every request to somebody else, makes the story fail.

import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const LIMIT_MS = 30_000;
const OPTIONS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const url = process.env.LABELTAP_URL;
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has something done, and answers what came of it. */
async function have(what, more = {}) {
  process.stdout.write(`${JSON.stringify({ do: what, ...more })}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error(`nobody did ${what}`);
  return JSON.parse(value);
}

/** What went wrong in the browser, whatever the story looked at. */
const faults = [];

/** Does a step in which the browser has a reason for complaints like these. Before and after it there is none. */
async function expecting(pattern, step) {
  const from = faults.length;
  const done = await step();
  // What is written to the console comes a moment after its cause.
  await new Promise((resolve) => setTimeout(resolve, 300));
  faults.splice(from, faults.length, ...faults.slice(from).filter((fault) => !pattern.test(fault)));
  return done;
}

function watch(page) {
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`uncaught: ${error.stack}`));
  page.on("crash", () => faults.push("the page crashed"));
  page.on("dialog", (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "about:" && origin !== new URL(url).origin) faults.push(`a request to somebody else: ${request.url()}`);
  });
}

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: OPTIONS });

/** A page of its own, as somebody would have it. */
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", ...options });
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  watch(page);
  return page;
}

/** Waits until `look` answers something true. */
async function until(what, look) {
  const end = Date.now() + LIMIT_MS;
  let last;
  while (Date.now() < end) {
    last = await look();
    if (last) return last;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not in time: ${what}; at the end ${JSON.stringify(last)}`);
}

function check(is, what) {
  if (!is) throw new Error(`not so: ${what}`);
}

let code = 0;
try {
  const { default: story } = await import(`./stories/${process.argv[2]}.js`);
  await story({ url, have, open, until, check, expecting });
  if (faults.length > 0) throw new Error("the browser complained");
} catch (error) {
  console.error(error.stack);
  for (const fault of faults) console.error(`(${fault})`);
  code = 1;
} finally {
  await browser.close();
}
process.exit(code);
