// The service is killed and comes back while somebody looks: the page says so, keeps what it had, and goes on by itself.

const REFUSED = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_ABORTED/;

export default async function ({ url, have, open, until, check, expecting }) {
  const overview = await open();
  const tail = await open();
  const labelers = await open();
  await overview.goto(url);
  await tail.goto(`${url}/#/tail`);
  await labelers.goto(`${url}/#/labelers`);
  await overview.locator(".sentence").getByText("All is well").waitFor();
  await tail.locator("tbody tr").first().waitFor();
  await labelers.locator("tbody tr").first().waitFor();
  const stored = await overview.locator(".numbers .value").first().innerText();
  const pages = [overview, tail, labelers];
  for (const page of pages) {
    await page.evaluate(() => {
      window.neverReloaded = true;
    });
  }

  await expecting(REFUSED, async () => {
    await have("kill");
    for (const page of pages) {
      await page.getByText(/No answer from labeltap since \d\d:\d\d:\d\d/).waitFor();
      check(await page.locator(".page.old").isVisible(), "what is shown is marked as old");
    }
    check((await overview.locator(".numbers .value").first().innerText()) === stored, "what was known stays");
    check((await tail.locator("tbody tr").count()) > 0, "events stay");
    // No more questions at once than one for each thing that is shown, and the overview shows one.
    const asked = new Set();
    let most = 0;
    overview.on("request", (request) => {
      asked.add(request);
      most = Math.max(most, asked.size);
    });
    for (const end of ["requestfailed", "requestfinished"]) overview.on(end, (request) => asked.delete(request));
    await overview.waitForTimeout(3_000);
    check(most === 1, `one question at once while nobody answers, but ${most}`);

    await have("start");
    for (const page of pages) await page.locator(".banner").waitFor({ state: "detached" });
    check(most === 1, `nor when it is back, but ${most}`);
  });
  await have("say");
  await tail.locator("tbody tr").getByText("after-the-restart").first().waitFor();
  await until("the overview goes on", async () => (await overview.locator(".numbers .value").first().innerText()) !== stored);
  for (const page of pages) check(await page.evaluate(() => window.neverReloaded), "nothing was reloaded");
}
