// Nobody needs a mouse: every page, the search, adding and removing are reached by keys, and nothing keeps the focus.

export default async function ({ url, have, open, until, check }) {
  const { did } = await have("who is there");
  const page = await open();
  await page.goto(url);
  await page.locator(".sentence").waitFor();
  const focused = () => page.evaluate(() => {
    const { activeElement: one } = document;
    return `${one?.tagName} ${one?.textContent?.trim()} ${one?.getAttribute("href") ?? ""} ${one?.id}`;
  });

  await page.keyboard.press("Tab");
  check((await focused()).includes("Skip to the content"), "the first stop is the way past the menu");
  check(await page.locator(".skip").evaluate((one) => one.getBoundingClientRect().top >= 0), "and it is seen then");
  await page.keyboard.press("Enter");
  check((await focused()).startsWith("MAIN"), "it leads to the content");
  check(page.url() === `${url}/`, "and nowhere else");

  // Every stop can be left again, and shows that it has the focus.
  await page.goto(url);
  await page.reload();
  await page.locator(".sentence").waitFor();
  const stops = new Set();
  for (let step = 0; step < 60; step += 1) {
    await page.keyboard.press("Tab");
    const stop = await focused();
    if (stop.startsWith("BODY")) break;
    stops.add(stop);
    const style = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return `${outlineStyle} ${outlineWidth}`;
    });
    check(!style.startsWith("none") && !style.endsWith(" 0px"), `${stop} shows its focus: ${style}`);
  }
  for (const place of ["#/labelers", "#/subject", "#/tail", "#/consumers"]) {
    check([...stops].some((stop) => stop.includes(place)), `${place} is a stop`);
  }

  // Along the menu; whoever arrives is at the heading.
  await page.locator('nav a[href="#/labelers"]').focus();
  await page.keyboard.press("Enter");
  await until("the heading has the focus", async () => /^H1 Labelers/.test(await focused()));
  await page.keyboard.press("/");
  check((await page.evaluate(() => document.activeElement?.getAttribute("type"))) === "search", "/ leads to the search");
  await page.keyboard.type("no/such");
  check((await page.getByLabel("Search").inputValue()) === "no/such", "where / is a letter");
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");

  await page.getByLabel("DID or handle").focus();
  await page.keyboard.type(did);
  await page.keyboard.press("Enter");
  const row = page.getByRole("table", { name: "Labelers" }).locator("tbody tr", { hasText: did });
  await row.waitFor();
  await row.getByRole("button").focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  for (let step = 0; step < 6; step += 1) {
    await page.keyboard.press("Tab");
    const inside = await page.evaluate(() => document.activeElement === document.body || document.querySelector("dialog").contains(document.activeElement));
    check(inside, "the page behind a question is not reached");
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  check((await focused()).startsWith("BUTTON remove"), "and the focus is back where it was");
  await page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: "Remove" }).focus();
  await page.keyboard.press("Enter");
  await row.waitFor({ state: "detached" });

  // From a page without a search field `/` leads to the look-up.
  await page.goto(`${url}/#/consumers`);
  await page.getByRole("heading", { name: "Consumers", exact: true }).waitFor();
  await page.keyboard.press("/");
  await until("the look-up has the focus", async () => page.url().endsWith("#/subject") && (await focused()).startsWith("INPUT"));

  // The colours, remembered.
  await page.locator(".theme").focus();
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.keyboard.press("Enter");
  const light = await ground();
  await page.keyboard.press("Enter");
  const dark = await ground();
  check(light !== dark, "light and dark differ");
  await page.reload();
  check((await ground()) === dark, "what was chosen is remembered");
}
