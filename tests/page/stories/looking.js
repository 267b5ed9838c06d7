// One labeler, one subject, the tail with its filters, and a consumer with events set aside.

export default async function ({ url, have, open, until, check }) {
  const { did, other, subject } = await have("speak");
  const page = await open();
  const table = (name) => page.getByRole("table", { name, exact: true });

  await page.goto(`${url}/#/labelers/${encodeURIComponent(did)}`);
  await page.getByRole("heading", { level: 1 }).getByText(did).waitFor();
  await table("Labels by value").locator("tr", { hasText: "spam" }).waitFor();
  check(/Columns of labels by (day|month)/.test(await page.locator("#values ~ *, section:has(#values) svg[role=img]").last().getAttribute("aria-label")), "the chart says what it shows");
  await page.getByText("As a table").or(page.getByText(/^By (day|month), as a table/)).click();
  await page.locator("table.plain").getByText("2024").first().waitFor();
  await table("Keys").getByText("did:key:").first().waitFor();
  await table("What happened").getByText("caught up").waitFor();
  const rejected = table("Rejected labels").locator("tbody tr");
  await rejected.filter({ hasText: "unsigned" }).first().waitFor();
  check((await rejected.count()) === 10, "the newest ten");
  const section = page.locator("section:has(#rejected-labels)");
  await section.getByRole("button", { name: "Show more" }).click();
  await until("and the others", async () => (await rejected.count()) === 13);
  await section.getByText(/As of \d\d:\d\d:\d\d; what has come since is not in it/).waitFor();
  await section.getByRole("button", { name: "Refresh" }).click();
  await until("or the newest again", async () => (await rejected.count()) === 10);
  check((await section.getByText("As of").count()) === 0, "kept up to date");
  await rejected.locator("summary").first().click();
  await rejected.locator("pre").first().getByText(/"uri"/).waitFor();
  await table("Declared values").locator("tr", { hasText: "rude" }).waitFor();
  await page.getByText("The record as it is").click();
  await page.locator("pre").getByText("app.bsky.labeler.service").waitFor();

  await page.goto(`${url}/#/subject`);
  const field = page.getByRole("searchbox");
  await field.fill(subject);
  await field.press("Enter");
  const applies = table("What applies now");
  await applies.locator("tbody tr").first().waitFor();
  const now = await applies.innerText();
  check(now.includes("rude") && !now.includes("spam"), `only what applies: ${now}`);
  const said = table("Everything said about it").locator("tbody tr");
  check((await said.count()) === 3, "everything that was said");
  check(/taken back/.test(await said.nth(2).innerText()), "in its order");
  await have("say more");
  await until("what is said now comes by itself", async () => (await said.count()) === 4);
  check((await said.nth(3).innerText()).includes(other), "and says by whom");
  await field.fill("at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/none");
  await field.press("Enter");
  await page.getByText("has ever said anything about it").waitFor();

  await page.goto(`${url}/#/tail`);
  const events = table("Events, newest first").locator("tbody tr");
  await until("the last events are shown", async () => (await events.count()) > 5);
  await page.locator("input[name=val]").fill("ru*");
  await until("the filter takes some", async () => {
    const all = await events.allInnerTexts();
    return all.length > 0 && all.every((text) => text.includes("rude"));
  });
  await have("say", { val: "rumour" });
  await events.getByText("rumour").waitFor();
  await have("say", { val: "other" });
  await have("say", { val: "rubbish" });
  await events.getByText("rubbish").waitFor();
  check((await events.filter({ hasText: "other" }).count()) === 0, "and no others");
  // Whoever types and chooses at once gets both.
  await page.locator("input[name=val]").fill("!no*");
  await page.locator("select[name=subject]").selectOption("account");
  await until("both filters hold", () => /val=%21no\*&subject=account|subject=account&val=%21no\*/.test(page.url()));
  await page.locator("input[name=val]").fill("gone again");
  await page.getByRole("button", { name: "Clear" }).click();
  await page.waitForTimeout(800);
  check(page.url().endsWith("#/tail"), "what was being typed is cleared too");
  check((await page.locator("input[name=val]").inputValue()) === "", "from its field as well");
  await have("say", { val: "elsewhere", uri: "https://example.com/a" });
  const elsewhere = events.filter({ hasText: "elsewhere" });
  await elsewhere.getByText("https://example.com/a").waitFor();
  check((await elsewhere.getByRole("link", { name: "example.com" }).count()) === 0, "what cannot be looked up is no link");
  await page.locator("select[name=types]").selectOption("label-state");
  await page.getByText("recorded only while there is a consumer that asks for label-state").waitFor();
  await page.locator("select[name=types]").selectOption("");
  await page.locator("input[name=val]").fill("ru*");
  await events.getByText("rumour").waitFor();

  await page.getByRole("button", { name: "Pause" }).click();
  await have("say", { val: "runaway" });
  await page.waitForTimeout(2_500);
  check((await events.filter({ hasText: "runaway" }).count()) === 0, "nothing comes while it is paused");
  await page.getByRole("button", { name: "Resume" }).click();
  await events.getByText("runaway").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await page.locator("select[name=verdict]").selectOption("unsigned");
  await until("rejected ones are shown when asked for", async () => {
    const all = await events.allInnerTexts();
    return all.length > 0 && all.every((text) => text.includes("unsigned"));
  });
  await page.locator("select[name=verdict]").selectOption("");
  await page.locator("select[name=types]").selectOption("labeler");
  await events.getByText("caught up").first().waitFor();
  await page.locator("select[name=types]").selectOption("");
  await page.locator("input[name=src]").fill(other);
  await until("of one labeler", async () => {
    const all = await events.allInnerTexts();
    return all.length > 0 && all.every((text) => text.includes(other));
  });
  await have("flood");
  await events.getByText(/not shown: [\d,]+ came at once/).waitFor();
  // A hundred thousand events would be too much for a test: that answer is played.
  await page.route(/\/tail\?.*after=/, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), passed_over: 123_456 } });
  }, { times: 1 });
  await events.getByText("123,456 events were not looked at while this page was away").waitFor();
  await have("flood");
  await until("rows are bounded", async () => (await events.count()) >= 300);
  check((await events.count()) === 300, "there are never more than can be read");

  await page.goto(`${url}/#/consumers`);
  await table("Consumers").getByRole("link", { name: "hook" }).click();
  const aside = table("Events set aside").locator("tbody tr");
  await aside.first().waitFor();
  const before = await aside.count();
  await have("mend the receiver");
  await aside.first().getByRole("button", { name: "send again" }).click();
  await until("it is sent again", async () => (await aside.count()) < before);
  await page.getByRole("button", { name: "Send all shown again" }).click();
  await page.getByText("No event has been set aside.").waitFor();
}
