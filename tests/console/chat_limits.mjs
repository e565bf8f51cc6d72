#!/usr/bin/env node
// The playground where something is missing or too much: a browser that keeps nothing, a page that is closed or opened twice,
// a data plane that does not answer, pictures that no model takes, and models that write what is expensive to show.
import { cases, DATA_PLANE, equal, ok, until } from "./lib.mjs";
import { ask, model, ONLY, openWithKey, reset, says } from "./provider.mjs";

const CHAT = "/app/chat";
const OTHER = "https://other-plane.invalid"; // a second data plane of the installation
const asked = (t) => t.sent("POST", /chat\/completions/, DATA_PLANE).concat(t.sent("POST", /chat\/completions/, OTHER));
const answers = (page) => page.locator(".turn.assistant:not([aria-busy])");

async function begin(page, text) {
  await page.getByLabel("Your message").fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await until(async () => (await page.locator(".turn.assistant[aria-busy] .md").innerText().catch(() => "")).length > 20, "it is written");
}

/** The installation lists another data plane first. The policy of its pages would have it, too; this stack's has not. */
const TWO = { bypassCSP: true };
async function twoPlanes(page) {
  await page.route("**/v1/console", async (r) => {
    const a = await r.fetch();
    const { data } = await a.json();
    await r.fulfill({ response: a, json: { data: { ...data, data_planes: [OTHER, ...data.data_planes] } } });
  });
}
const answersAs = (page) => page.route(`${OTHER}/**`, async (r) => r.fulfill({ response: await r.fetch({ url: r.request().url().replace(OTHER, DATA_PLANE) }) }));
const shield = (page) => page.getByRole("button", { name: /Verified/ });

await cases({
  async a_browser_that_keeps_nothing(t) {
    await reset();
    const page = await t.open(CHAT, {
      signedIn: true,
      before: (p) => p.addInitScript(() => {
        const refuse = { get() { throw new DOMException("The operation is insecure.", "SecurityError"); } };
        for (const name of ["localStorage", "sessionStorage", "indexedDB"]) Object.defineProperty(window, name, refuse);
      }),
    });
    await page.getByRole("button", { name: "Make a key for this tab" }).click();
    ok((await (await ask(page, "anything kept?")).innerText()).includes("anything kept?"), "it answers");
    await page.getByText("This browser does not keep conversations").waitFor(); // it says that nothing is kept
  },

  async a_browser_whose_storage_is_full(t) {
    await reset();
    const page = await openWithKey(t, CHAT, {
      before: (p) => p.addInitScript(() => {
        const full = () => { throw new DOMException("full", "QuotaExceededError"); };
        Storage.prototype.setItem = full;
        IDBObjectStore.prototype.put = full;
      }),
    });
    await page.getByRole("button", { name: /Demo/ }).first().click();
    await page.getByLabel("Search models").fill("demo/short");
    await page.getByLabel("Search models").press("Enter");
    ok((await (await ask(page, "any room?")).innerText()).includes("any room?"), "it answers");
    await page.getByText("This browser does not keep conversations").waitFor(); // it says that nothing is kept
  },

  async a_page_that_is_loaded_again_keeps_the_half(t) {
    await reset();
    await model(ONLY, "tokens=4000,cadence_us=20000");
    const page = await openWithKey(t, CHAT);
    await begin(page, "a long one");
    await page.waitForTimeout(3500); // what has come is kept every three seconds
    await page.reload();
    await answers(page).getByText("The page was closed before this answer was complete").waitFor();
    ok((await answers(page).locator(".md").innerText()).length > 20, "what was written");
    await says(ONLY, "the whole of it");
    await answers(page).getByRole("button", { name: "Try again" }).click();
    await answers(page).getByText("the whole of it").waitFor();
  },

  async two_tabs_lose_nothing(t) {
    await reset();
    const page = await openWithKey(t, CHAT);
    await ask(page, "from the first tab");
    const other = await page.context().newPage();
    await other.addInitScript((k) => sessionStorage.setItem("playground-key", k), await page.evaluate(() => sessionStorage.getItem("playground-key")));
    await other.goto(page.url());
    await other.getByRole("button", { name: /from the first tab/ }).first().click();
    await answers(other).first().waitFor();
    await ask(other, "from the second tab");
    await page.getByText("from the second tab").first().waitFor();
    await ask(page, "and once more");
    await until(async () => (await other.locator(".turn").count()) === 6, "all of it is in the other tab");
    await other.getByRole("button", { name: "More of from the first tab" }).click();
    await other.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByText("Ask something").waitFor();
  },

  async the_next_data_plane_answers_when_one_does_not(t) {
    await reset();
    const page = await openWithKey(t, CHAT, { ...TWO, before: async (p) => { await twoPlanes(p); await t.fail(p, `${OTHER}/**`); } });
    await shield(page).click();
    await page.getByText("did not answer this browser, so").waitFor();
    await t.axe(page);
    await t.shot(page, "chat-planes");
    await page.getByRole("button", { name: "Close" }).click();
    ok((await (await ask(page, "who answers?")).innerText()).includes("who answers?"), "the other one answers");
    equal(asked(t).map((r) => r.origin), [DATA_PLANE]);
  },

  async a_prompt_is_never_sent_to_a_second_data_plane(t) {
    await reset();
    const page = await openWithKey(t, CHAT, { ...TWO, before: async (p) => { await twoPlanes(p); await answersAs(p); await t.fail(p, `${OTHER}/**/chat/completions`); } });
    await shield(page).waitFor();
    ok((await (await ask(page, "only one gets this")).getByRole("alert").innerText()).includes("cannot be reached"), "the failure is said");
    equal(asked(t).map((r) => r.origin), [OTHER]);
  },

  async evidence_that_is_refused_is_not_passed_over(t) {
    await reset();
    const page = await openWithKey(t, CHAT, {
      ...TWO,
      before: async (p) => {
        await twoPlanes(p);
        await p.route(`${OTHER}/**`, (r) => r.fulfill({ status: 200, contentType: "application/json", headers: { "access-control-allow-origin": "*" }, body: "{}" }));
      },
    });
    await page.getByText("The evidence of the data plane was refused").waitFor();
    equal(t.sent("GET", /attestation/, DATA_PLANE).length, 0, "evidence of the next one");
  },

  async the_reader_chooses_the_data_plane(t) {
    await reset();
    const page = await openWithKey(t, CHAT, { ...TWO, before: async (p) => { await twoPlanes(p); await answersAs(p); } });
    await shield(page).click();
    equal(await page.getByLabel("Data plane", { exact: true }).inputValue(), OTHER);
    await page.getByLabel("Data plane", { exact: true }).selectOption(DATA_PLANE);
    await page.getByRole("button", { name: "Close" }).click();
    await shield(page).waitFor();
    await ask(page, "to the chosen one");
    await page.reload();
    await shield(page).waitFor();
    await ask(page, "and again");
    equal(asked(t).map((r) => r.origin), [DATA_PLANE, DATA_PLANE]);
  },

  async pictures_for_a_model_that_takes_none_wait(t) {
    await reset();
    const page = await openWithKey(t, CHAT, {
      before: (p) => p.route("**/v1/models", async (r) => {
        const a = await r.fetch();
        const { data } = await a.json();
        const blind = (m) => (m.id === "demo/short" ? { ...m, architecture: { ...m.architecture, input_modalities: ["text"] } } : m);
        await r.fulfill({ response: a, json: { data: data.map(blind) } });
      }),
    });
    await page.getByText("Ask something").waitFor();
    // Dropped beside the field: the browser would open the file and leave the page.
    const stays = await page.locator(".thread").evaluate((e) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(9)], "a.png", { type: "image/png" }));
      return !e.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    ok(stays, "the page takes the file");
    await page.getByRole("list", { name: "Attached pictures" }).locator("li").waitFor();
    await page.getByRole("button", { name: /Demo, one provider/ }).click();
    await page.getByLabel("Search models").fill("demo/short");
    await page.getByLabel("Search models").press("Enter");
    await page.getByText("This model does not take pictures: remove them").waitFor();
    ok(await page.getByRole("button", { name: "Send", exact: true }).isDisabled(), "it is not sent without them");
    await page.getByRole("button", { name: "Remove a.png" }).click();
    ok(await page.getByRole("button", { name: "Send", exact: true }).isEnabled(), "without them it is");
  },

  async files_that_are_no_pictures_are_refused(t) {
    await reset();
    const page = await openWithKey(t, CHAT);
    await page.getByText("Ask something").waitFor();
    for (const [name, type, size, words] of [["big.png", "image/png", 20 << 20, "big.png has 20.0 MiB"], ["note.txt", "text/plain", 9, "note.txt is not attached"], ["folder", "", 0, "folder is not attached"]]) {
      await page.getByLabel("Your message").evaluate((e, file) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(file.size)], file.name, { type: file.type }));
        e.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
      }, { name, type, size });
      await page.getByText(words).first().waitFor();
    }
    equal(await page.getByRole("list", { name: "Attached pictures" }).count(), 0);
  },

  async arguments_nested_deep(t) {
    await reset();
    const page = await openWithKey(t, CHAT);
    await page.getByRole("button", { name: "Parameters" }).click();
    await page.getByLabel("Tools (JSON schemas)").fill(JSON.stringify({ name: "look", parameters: { type: "object", properties: {} } }));
    await page.getByRole("button", { name: "Close" }).click();
    const answer = await ask(page, `demo-script:\ncall look {"a":${"[".repeat(1500)}${"]".repeat(1500)}}\nend`);
    ok((await answer.locator("pre").first().innerText()).length < 10_000, "its arguments are not indented into megabytes");
  },

  async nested_text_leaves_the_page_usable(t) {
    await reset();
    const list = Array.from({ length: 300 }, (_, i) => `${"  ".repeat(i)}- item`).join("\n");
    await says(ONLY, `${"> ".repeat(5000)}deep\n\n${list}\n\nthe end of it`, "chunk=64,cadence_us=1000");
    const page = await openWithKey(t, CHAT, {
      before: (p) => p.addInitScript(() => {
        window.longest = 0;
        new PerformanceObserver((l) => l.getEntries().forEach((e) => (window.longest = Math.max(window.longest, e.duration)))).observe({ type: "longtask" });
      }),
    });
    const answer = await ask(page, "nest");
    ok((await answer.innerText()).includes("the end of it"), "it is shown to its end");
    console.log(`# the longest task took ${Math.round(await page.evaluate(() => window.longest))} ms`);
  },

  async escape_stops_and_the_field_keeps_the_keyboard(t) {
    await reset();
    await model(ONLY, "tokens=4000,cadence_us=20000");
    const page = await openWithKey(t, CHAT);
    await begin(page, "a long one");
    await page.getByRole("button", { name: "Edit", exact: true }).waitFor(); // an earlier question can be opened
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    ok(await page.getByRole("button", { name: "Ask this instead" }).isDisabled(), "it cannot be asked before the answer has ended");
    await page.getByLabel("Your message").last().press("Escape");
    await page.getByText("You stopped this answer").waitFor();
    equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), "Your message");
  },
});
