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
  await sentence.getByText(/^ ?All is well: 2 labelers live, nothing rejected/).waitFor();

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
  await trouble.getByText("gone", { exact: true }).waitFor();
  check(await page.evaluate(() => window.neverReloaded), "the page was never reloaded");
}
