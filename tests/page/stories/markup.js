// Everything that others may write is full of markup. All of it stays text.

const MARKUP = /<img src=x onerror=/;

export default async function ({ url, have, open, until, check, expect }) {
  expect(/status of 404/);
  const { did, subject } = await have("speak");
  const page = await open();
  await page.addInitScript(() => {
    window.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
  });
  // A handle that leads back is a name in the DNS, which has no such characters; should one ever come, it is text too.
  await page.route(/\/(labelers|status)(\?.*|\/did[^/]*)?$/, async (route) => {
    const answer = await route.fetch();
    const text = (await answer.text()).replaceAll(`"did":"${did}"`, `"did":"${did}","handle":"<img src=x onerror=window.pwned=1>\\"><script>window.pwned=1</script>"`);
    await route.fulfill({ response: answer, body: text });
  });
  const places = {
    "#/": "q.said, .who",
    "#/labelers": "q.said, .who",
    [`#/labelers/${encodeURIComponent(did)}`]: ".val, q.said, td strong",
    [`#/subject/${encodeURIComponent(subject)}`]: ".val",
    "#/tail": ".val",
    "#/tail?verdict=unsigned": ".val",
    "#/tail?val=%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E": ".val",
    "#/%3Cimg%20src=x%20onerror=window.pwned=1%3E": "h1",
    "#/labelers?q=%3Cimg%20src=x%20onerror=window.pwned=1%3E": "input",
    "#/consumers/%3Cimg%20src=x%20onerror=window.pwned=1%3E": "h1",
  };
  for (const [place, shown] of Object.entries(places)) {
    await page.goto(`${url}/${place}`);
    await page.reload();
    await page.locator(shown).first().waitFor();
    if (shown.includes(".val") || shown.includes("q.said")) {
      await until(`${place} shows the markup`, async () => MARKUP.test(await page.locator("main").innerText()));
    }
    for (const details of await page.locator("details").all()) await details.evaluate((one) => (one.open = true));
    check((await page.locator("main img, main script, main iframe, main b b").count()) === 0, `${place} has no markup of others`);
    check(!(await page.evaluate(() => window.pwned)), `${place} runs nothing of others`);
  }
  const labeler = page.locator("main");
  await page.goto(`${url}/#/labelers/${encodeURIComponent(did)}`);
  for (const text of ["<b>Name</b>", '"><script>window.pwned=1</script>']) {
    await labeler.getByText(text, { exact: false }).first().waitFor();
  }
}
