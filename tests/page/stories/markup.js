// Everything that others may write is full of markup. All of it stays text.

const MARKUP = /<img src=x onerror=/;

export default async function ({ url, have, open, until, check, expecting }) {
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
    "#/tail?verdict=malformed": "tbody tr",
    "#/tail?val=%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E": ".val",
    "#/%3Cimg%20src=x%20onerror=window.pwned=1%3E": "h1",
    "#/labelers?q=%3Cimg%20src=x%20onerror=window.pwned=1%3E": "input",
  };
  const visit = async (place, shown) => {
    await page.goto(`${url}/${place}`);
    await page.reload();
    await page.locator(shown).first().waitFor();
    if (shown.includes(".val") || shown.includes("q.said")) {
      await until(`${place} shows the markup`, async () => MARKUP.test(await page.locator("main").innerText()));
    }
    for (const details of await page.locator("details").all()) await details.evaluate((one) => (one.open = true));
    check((await page.locator("main img, main script, main iframe, main b b").count()) === 0, `${place} has no markup of others`);
    check(!(await page.evaluate(() => window.pwned)), `${place} runs nothing of others`);
  };
  for (const [place, shown] of Object.entries(places)) await visit(place, shown);
  await expecting(/status of 404/, async () => {
    await visit("#/consumers/%3Cimg%20src=x%20onerror=window.pwned=1%3E", "h1");
    await page.goto("about:blank");
  });

  // Fields of other types than text break nothing, and are shown as they were sent where the sample is.
  await page.goto(`${url}/#/tail?verdict=malformed`);
  const odd = page.getByRole("table", { name: "Events, newest first" }).locator("tbody tr");
  await odd.getByText("no value that is text").waitFor();
  check((await odd.locator("a[href^='#/subject']").count()) === 0, "there is nothing to look up");
  const labeler = page.locator("main");
  await page.goto(`${url}/#/labelers/${encodeURIComponent(did)}`);
  for (const text of ["<b>Name</b>", '"><script>window.pwned=1</script>']) {
    await labeler.getByText(text, { exact: false }).first().waitFor();
  }
  const sample = page.getByRole("table", { name: "Rejected labels" }).locator("tbody tr", { hasText: "malformed" });
  await sample.locator("summary").click();
  const sent = (await sample.locator("pre").innerText()).replace(/\s+/g, " ");
  check(/"val": \{ "a": "<img /.test(sent) && /"uri": \[ "<img /.test(sent), `a map and a list: ${sent}`);

  // Should something be of a shape that breaks the page, only that part is gone, and it says so. Such an answer is played.
  const broken = await open();
  await broken.route(/\/labelers\/did[^/]*$/, (route) => route.fulfill({ json: { did, state: "live", sources: null } }));
  await expecting(/TypeError/, async () => {
    await broken.goto(`${url}/#/labelers/${encodeURIComponent(did)}`);
    await broken.getByRole("alert").getByText("This cannot be shown").waitFor();
    await broken.getByRole("link", { name: "Labelers", exact: true }).click();
    await broken.getByRole("table", { name: "Labelers" }).getByText(did).waitFor();
  });
}
