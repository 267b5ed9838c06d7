// Somebody looks at the overview and never reloads it: labelers are added, catch up, go away and come back.

export default async function ({ url, have, open, until, check }) {
  const page = await open();
  await page.goto(url);
  const sentence = page.locator(".sentence");
  await sentence.getByText("labeltap runs, and follows nobody yet.").waitFor();
  await page.evaluate(() => {
    window.neverReloaded = true;
  });

  await have("follow");
  await sentence.getByText(/1 backfilling/).waitFor();
  const row = page.locator("section", { has: page.locator("h2", { hasText: "Backfills" }) }).locator("tbody tr");
  const bar = row.getByRole("progressbar");
  await bar.waitFor();
  const at = async () => Number(/[\d,]*\d/.exec((await row.locator(".hint").innerText()).replace(/^[^:]*%:?/, ""))?.[0].replaceAll(",", ""));
  const before = await at();
  await until("the backfill moves", async () => (await at()) > before);
  // The end is known once a second connection has shown it, which takes a label that is said now.
  const drawn = await until("its end is known", async () => {
    await have("speak");
    await page.waitForTimeout(300);
    return await bar.getAttribute("aria-valuenow");
  });
  check(/of [\d,]+/.test(await row.locator(".hint").innerText()), "it says how much there is");
  await until("its bar grows", async () => Number(await bar.getAttribute("aria-valuenow")) > Number(drawn));
  await have("hurry");
  await page.locator("h2", { hasText: "Backfills" }).waitFor({ state: "detached" });
  // One of the three was never there. That is for good, so it is listed, and all is well all the same.
  await sentence.getByText(/^ ?All is well: 2 labelers live, nothing rejected/).waitFor();
  const forGood = page.locator("summary", { hasText: "gone or without a service" });
  await forGood.getByText(/^1 labeler gone/).waitFor();

  await have("leave");
  await sentence.getByText(/1 thing needs a look/).waitFor();
  const trouble = page.getByRole("table", { name: "Labelers in trouble" });
  await trouble.getByText("waiting").waitFor();
  check(/tried again by itself/.test(await trouble.innerText()), "it says what waiting is");
  check((await trouble.locator("q").innerText()).length > 10, "it says why");

  await have("return");
  await sentence.getByText(/All is well: 2 labelers live/).waitFor();
  await trouble.waitFor({ state: "detached" });

  await have("reject");
  await trouble.getByText("Its labels are rejected.").waitFor();
  await sentence.getByText(/3 labels rejected in the last minute/).waitFor();
  await page.locator("section", { hasText: "Rejected, ever" }).getByText("unsigned").waitFor();

  // While nobody looks at the tab nothing is asked, and at once when somebody does.
  const look = (hidden) => page.evaluate((is) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => is });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await look(true);
  await page.waitForTimeout(500);
  let asked = 0;
  page.on("request", () => (asked += 1));
  await page.waitForTimeout(4_000);
  check(asked === 0, `nothing is asked for a page that nobody sees, but ${asked}`);
  const answer = page.waitForResponse(/\/status$/, { timeout: 1_000 });
  await look(false);
  await answer;

  await have("end");
  await forGood.getByText(/^2 labelers gone/).waitFor();
  await forGood.click();
  const lasting = page.getByRole("table", { name: "Labelers gone or without a service" });
  await until("both are listed", async () => (await lasting.getByText("gone", { exact: true }).count()) === 2);
  await sentence.getByText(/1 thing needs a look/).waitFor();
  check(await page.evaluate(() => window.neverReloaded), "the page was never reloaded");
  await page.close();
  await steady({ url, open, until, check });
}

/** Numbers that change at every answer take the focus from nobody and are not read aloud. Such answers are played. */
async function steady({ url, open, until, check }) {
  const page = await open();
  let seconds = 200;
  await page.route("**/status", async (route) => {
    const answer = await route.fetch();
    const status = await answer.json();
    const late = { name: "late", lag: 7, in_flight: 7, connections: 1, oldest_unacked_seconds: (seconds += 1) };
    const own = { name: "own", reserved: true, lag: 0, in_flight: 0, connections: 0 };
    await route.fulfill({ response: answer, json: { ...status, consumers: [late, own], consumers_total: 2 } });
  });
  await page.goto(url);
  const finding = page.locator(".findings").getByRole("link", { name: /Consumer late/ });
  await finding.focus();
  await page.evaluate(() => {
    window.told = 0;
    const observer = new MutationObserver((changes) => (window.told += changes.length));
    for (const one of document.querySelectorAll("[role=status]")) observer.observe(one, { subtree: true, childList: true, characterData: true });
  });
  for (let turn = 0; turn < 2; turn += 1) {
    const before = await finding.innerText();
    await until("the text changes", async () => (await finding.innerText()) !== before);
  }
  check(await finding.evaluate((one) => one === document.activeElement), "the focus stays where it was");
  check((await page.evaluate(() => window.told)) === 0, "nothing is said aloud for that");
  await page.getByRole("table", { name: "Consumers" }).getByText("labeltap itself (AppView)").waitFor();
}
