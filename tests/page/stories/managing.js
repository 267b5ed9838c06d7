// Labelers are added by DID and by handle, found by the filters, and removed again.

export default async function ({ url, have, open, until, check, expecting }) {
  const { first, second, lost } = await have("who is there");
  const page = await open();
  await page.goto(`${url}/#/labelers`);
  await page.getByText("Nobody is followed yet.").waitFor();
  const field = page.getByLabel("DID or handle");
  const said = page.locator("#add-said");
  const rows = page.getByRole("table", { name: "Labelers" }).locator("tbody tr");

  await page.getByRole("button", { name: "Add" }).click();
  await said.getByText("Write a DID").waitFor();
  await expecting(/status of 400/, async () => {
    await field.fill("did:plc:short");
    await field.press("Enter");
    await said.getByText(/did:plc:short/).waitFor();
  });
  check((await rows.count()) === 0, "nobody was added");

  // The first one, from the page that somebody sees first: it says so, and goes on saying it.
  await page.goto(`${url}/#/`);
  const sentence = page.locator(".sentence");
  await sentence.getByText("follows nobody yet").waitFor();
  await field.fill(`  ${first} `);
  await field.press("Enter");
  await said.getByText("Added").waitFor();
  await sentence.getByText("1 labeler live").waitFor();
  check(await said.getByText("Added").isVisible(), "it is still said that it was added");
  check(await field.evaluate((one) => one === document.activeElement), "and the next one can be written at once");
  await said.getByRole("link", { name: "Watch it" }).click();
  await page.getByRole("heading", { level: 1 }).getByText(first).waitFor();
  await page.getByRole("link", { name: "Labelers", exact: true }).click();
  await rows.getByText(first).waitFor();

  // Handles are names in the DNS, where no test can write. What the service answers to one that leads somewhere is played.
  await expecting(/status of (404|502)/, async () => {
    await field.fill("nobody.invalid");
    await field.press("Enter");
    await said.getByText(/nobody\.invalid/).waitFor();
  });
  await page.route("**/handles/second.test", (route) => route.fulfill({ json: { did: second } }));
  await field.fill("@second.test");
  await field.press("Enter");
  await said.getByText("Added").waitFor();
  await rows.getByText(second).waitFor();
  check((await rows.getByText("second.test").count()) === 0, "a handle is no name before the service says that it leads back");
  await have("add", { did: lost });
  await until("all three are listed", async () => (await rows.count()) === 3);

  const search = page.getByLabel("Search");
  await search.fill(second.slice(8, 20));
  await until("the filter leaves one", async () => (await rows.count()) === 1);
  check((await rows.innerText()).includes(second), "and that is the one");
  await search.fill("no such thing");
  await page.getByText("None of the 3 labelers is like that.").waitFor();
  await search.fill("");
  await rows.filter({ hasText: lost }).getByText("waiting").waitFor();
  await page.getByLabel("State").selectOption("waiting");
  await until("one is waiting", async () => (await rows.count()) === 1);
  check((await rows.innerText()).includes(lost), "and that is the one");
  check(page.url().endsWith("state=waiting"), "the address says what is shown");
  await page.reload();
  await until("and leads there again", async () => (await rows.count()) === 1);
  await page.getByLabel("State").selectOption("");

  await page.getByRole("button", { name: "labels" }).click();
  const numbers = async () => (await rows.locator("td:nth-child(3)").allInnerTexts()).map(Number);
  await until("the most come first", async () => {
    const all = await numbers();
    return all.length === 3 && all[0] > 0 && all.every((n, at) => at === 0 || n <= all[at - 1]);
  });
  await page.getByRole("button", { name: "labels" }).click();
  await until("or last", async () => (await numbers()).at(-1) > 0);

  // Its labels stay unless somebody says otherwise.
  const dialog = page.getByRole("dialog");
  const remove = async (did, purge) => {
    await rows.filter({ hasText: did }).getByRole("button", { name: "Remove" }).click();
    await dialog.getByText(did).first().waitFor();
    check(!(await dialog.getByRole("checkbox").isChecked()), "labels stay unless somebody says otherwise");
    if (purge) await dialog.getByRole("checkbox").check();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await dialog.waitFor({ state: "detached" });
    await until(`${did} is gone from the list`, async () => (await rows.filter({ hasText: did }).count()) === 0);
  };
  const { labels } = await have("count");
  await rows.filter({ hasText: first }).getByRole("button", { name: "Remove" }).click();
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  check((await rows.count()) === 3, "who thinks better of it has removed nobody");
  await remove(first, false);
  check((await have("count")).labels === labels, "its labels stay");
  await remove(second, true);
  check((await have("count")).labels < labels, "its labels are gone");
}
