// Every page in both colours and at three widths: nothing is wider than the screen, the rules of accessibility hold, and
// pictures of all of it are left for people to look at.

import { mkdirSync, readFileSync } from "node:fs";

const AXE = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const SIZES = { desktop: [1280, 900], phone: [390, 844], narrow: [360, 740] };

export default async function ({ url, have, open, check, expecting }) {
  const folder = process.env.SCREENSHOTS;
  mkdirSync(folder, { recursive: true });
  const { did, subject } = await have("fill");
  const places = {
    overview: ["#/", ".numbers"],
    labelers: ["#/labelers", "tbody tr"],
    labeler: [`#/labelers/${encodeURIComponent(did)}`, "section:has(#values) svg[role=img]"],
    subject: [`#/subject/${encodeURIComponent(subject)}`, "tbody tr"],
    live: ["#/tail", "tbody tr"],
    consumers: ["#/consumers", "tbody tr"],
    consumer: ["#/consumers/hook", "dl"],
    stranger: ["#/labelers/did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", ".empty"],
  };
  const wrong = [];
  for (const colorScheme of ["light", "dark"]) {
    for (const [size, [width, height]] of Object.entries(SIZES)) {
      if (size === "narrow" && colorScheme === "dark") continue;
      const page = await open({ viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
      for (const [name, [place, shown]] of Object.entries(places)) {
        const look = async () => {
          await page.goto(`${url}/${place}`);
          await page.locator(shown).first().waitFor();
          await page.waitForTimeout(300);
          wrong.push(...(await wider(page, name, width)));
          if (size !== "narrow") await page.screenshot({ path: `${folder}/${name}-${size}-${colorScheme}.png`, fullPage: true });
          for (const violation of await violations(page)) wrong.push(`${name}, ${size}, ${colorScheme}: ${violation}`);
          if (name === "labelers" && size !== "desktop") await sorted(page, check);
          if (name === "stranger") await page.goto("about:blank");
        };
        await (name === "stranger" ? expecting(/status of 404/, look) : look());
      }
      await page.context().close();
    }
  }
  const onlooker = await open();
  await onlooker.goto(`${url}/#/tail`);
  await onlooker.locator("tbody tr").first().waitFor();
  // What somebody sees first. Whoever looked on sees that there is nothing any more.
  await expecting(/ERR_/, async () => {
    const { url: first } = await have("begin anew");
    check(first === url, "at the same address");
    await onlooker.getByText("Nothing has come yet.").waitFor();
    check((await onlooker.locator("tbody tr").count()) === 0, "events of another log are gone");
  });
  await onlooker.context().close();
  for (const [size, [width, height]] of Object.entries(SIZES)) {
    const page = await open({ viewport: { width, height } });
    await page.goto(url);
    await page.locator(".sentence").getByText("follows nobody yet").waitFor();
    wrong.push(...(await wider(page, "empty", width)));
    await page.screenshot({ path: `${folder}/empty-${size}-light.png`, fullPage: true });
    for (const violation of await violations(page)) wrong.push(`empty, ${size}: ${violation}`);
  }
  check(wrong.length === 0, `\n${wrong.join("\n")}`);
}

async function wider(page, name, width) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return over > 0 ? [`${name} is ${over} px wider than ${width}`] : [];
}

/** Cards have no heads to press; they are sorted all the same. */
async function sorted(page, check) {
  check((await page.locator("thead button").count()) === 0, "no key leads to what cannot be seen");
  const labels = async () => (await page.locator("tbody td[data-head=labels]").allInnerTexts()).map((text) => Number(text.replace(/\D/g, "")));
  await page.getByLabel("Sort by").selectOption("labels");
  const most = await labels();
  check(most.every((n, at) => at === 0 || n <= most[at - 1]), `the most come first: ${most}`);
  await page.getByRole("button", { name: "descending" }).click();
  const least = await labels();
  check(least.every((n, at) => at === 0 || n >= least[at - 1]), `or last: ${least}`);
}

/** In a world of its own, since the page's policy lets nothing else run. */
async function violations(page) {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId: contextId } = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
  await session.send("Runtime.evaluate", { expression: `${AXE};0`, contextId });
  const expression = `axe.run(document, { resultTypes: ["violations"] }).then(({ passes, violations }) => ({
    passed: passes.length,
    violations: violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 160)).join(" | ")) }))`;
  const { result, exceptionDetails } = await session.send("Runtime.evaluate", { expression, contextId, awaitPromise: true, returnByValue: true });
  await session.detach();
  if (exceptionDetails || !(result.value.passed > 10)) return [`axe did not run: ${JSON.stringify(exceptionDetails ?? result)}`];
  return result.value.violations;
}
