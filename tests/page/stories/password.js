// With a password nothing is shown without it; and when it is changed, the page says so.

const PASSWORD = "s3cret: with a colon";

export default async function ({ url, have, open, until, check, expecting }) {
  const stranger = await open();
  for (const path of ["/", "/page/app.js", "/status"]) {
    const answer = await stranger.context().request.get(`${url}${path}`);
    check(answer.status() === 401, `${path} wants the password`);
    check(/Basic/.test(answer.headers()["www-authenticate"]), `${path} says which`);
  }
  const wrong = await open({ httpCredentials: { username: "admin", password: "wrong" } });
  await expecting(/status of 401|ERR_INVALID_AUTH_CREDENTIALS/, async () => {
    for (const page of [stranger, wrong]) {
      const answer = await page.goto(url).catch(() => undefined);
      check((answer?.status() ?? 401) === 401, "the page is not there");
      check((await page.locator(".page").count()) === 0, "and nothing of it");
    }
  });

  // Given in the address, as bookmarks have it.
  const bookmark = await open();
  await bookmark.goto(`${url.replace("://", `://admin:${encodeURIComponent(PASSWORD)}@`)}/`);
  await bookmark.locator(".sentence").waitFor();
  await bookmark.getByRole("link", { name: "Labelers", exact: true }).click();
  await bookmark.getByText("Nobody is followed yet.").waitFor();
  await bookmark.getByLabel("Search").fill("no such");
  await until("the filter is in the address", () => bookmark.url().endsWith("#/labelers?q=no+such"));
  await bookmark.context().close();

  const page = await open({ httpCredentials: { username: "admin", password: PASSWORD } });
  let answered = 0;
  page.on("response", (response) => {
    if (response.url().endsWith("/status") && response.ok()) answered = Date.now();
  });
  check((await page.goto(url)).status() === 200, "with it the page is there");
  await page.locator(".sentence").waitFor();

  await expecting(/ERR_|status of 401/, async () => {
    await have("stop");
    await page.waitForTimeout(3_000);
    await have("start with another password");
    await page.getByRole("alert").getByText("The password is needed.").waitFor();
  });
  check(await page.locator(".sentence").isVisible(), "what was known is still there");
  check(await page.locator(".page.old").isVisible(), "and is shown as old");
  const told = /What you see is from (\d\d:\d\d:\d\d)/.exec(await page.getByRole("alert").innerText())?.[1];
  const times = await page.evaluate((all) => all.map((ms) => new Date(ms).toTimeString().slice(0, 8)), [-1_000, 0, 1_000].map((off) => answered + off));
  check(times.includes(told), `it is from ${times[1]}, and not from ${told}`);
  await page.getByRole("button", { name: "Reload to give it" }).waitFor();
  // Nobody goes on asking for what is refused.
  let asked = 0;
  page.on("request", () => (asked += 1));
  await page.waitForTimeout(3_000);
  check(asked === 0, `nothing is asked any more, but ${asked}`);
}
