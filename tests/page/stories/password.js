// With a password nothing is shown without it; and when it is changed, the page says so.

export default async function ({ url, have, open, check, expect }) {
  expect(/status of 401/);
  expect(/ERR_INVALID_AUTH_CREDENTIALS/);
  const stranger = await open();
  for (const path of ["/", "/page/app.js", "/status"]) {
    const answer = await stranger.context().request.get(`${url}${path}`);
    check(answer.status() === 401, `${path} wants the password`);
    check(/Basic/.test(answer.headers()["www-authenticate"]), `${path} says which`);
  }
  const wrong = await open({ httpCredentials: { username: "admin", password: "wrong" } });
  for (const page of [stranger, wrong]) {
    const answer = await page.goto(url).catch(() => undefined);
    check((answer?.status() ?? 401) === 401, "the page is not there");
    check((await page.locator(".page").count()) === 0, "and nothing of it");
  }

  const page = await open({ httpCredentials: { username: "admin", password: "s3cret: with a colon" } });
  check((await page.goto(url)).status() === 200, "with it the page is there");
  await page.locator(".sentence").waitFor();

  expect(/ERR_/);
  await have("change the password");
  const banner = page.getByRole("alert").getByText("The password is needed.");
  await banner.waitFor();
  check(await page.locator(".sentence").isVisible(), "what was known is still there");
  check(await page.locator(".page.old").isVisible(), "and is shown as old");
  await page.getByRole("button", { name: "Reload to give it" }).waitFor();
  // Nobody goes on asking for what is refused.
  let asked = 0;
  page.on("request", () => (asked += 1));
  await page.waitForTimeout(3_000);
  check(asked === 0, `nothing is asked any more, but ${asked}`);
}
