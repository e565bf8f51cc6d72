#!/usr/bin/env node
// The usage pages: overview, activity, requests, one request and its receipt. Figures are those of the API; a request appears
// while the page is open; filters are in the address; pages that bring nothing are passed over; 100,000 rows stay few in the
// document; names that look like markup stay text. Needs a stack.
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { cases, CONSOLE, DATA_PLANE, env, equal, ok, until } from "./lib.mjs";
import { newMember, newUser, openAs } from "./people.mjs";

// --- real requests

function ask(body, key = env("TR_API_KEY")) {
  return new Promise((done, fail) => {
    const text = JSON.stringify({ model: "demo/echo", messages: [{ role: "user", content: "usage page" }], ...body });
    const sent = request(`${env("TR_BASE_URL")}/chat/completions`, {
      method: "POST", ca: readFileSync(env("TR_CA")), headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    }, async (a) => {
      const parts = [];
      for await (const part of a) parts.push(part);
      done({ status: a.statusCode, id: a.headers["x-generation-id"], sent: text, answer: Buffer.concat(parts) });
    });
    sent.on("error", fail);
    sent.end(text);
  });
}

const asked = (page, path) => page.evaluate(async (p) => (await fetch(`/v1${p}`)).json(), path);
const booked = (page, id) => until(async () => (await asked(page, `/generation?id=${id}`)).data !== undefined, `${id} is booked`);

// --- made-up ones

const hex = (n, digits) => n.toString(16).padStart(digits, "0");
const START = Date.UTC(2026, 10, 29, 12);
const idOf = (i) => `${hex(START - i * 1000, 12)}7000${hex(i, 16)}`;

function record(i, more = {}) {
  return {
    id: `gen-${idOf(i)}`, created_at: new Date(START - i * 1000).toISOString(), model: `author/model-${i % 7}`, first_model: `author/model-${i % 7}`,
    provider_name: `provider-${i % 3}`, endpoint_id: "1", api_key_hash: hex(i % 5, 64), api_key_name: `key ${i % 5}`, outcome: "ok", http_status: 200,
    error: null, finish_reason: "stop", streamed: true, is_byok: false, usage_estimated: false, tokens_prompt: i % 4000, tokens_completion: i % 900,
    native_tokens_cached: 0, native_tokens_reasoning: 0, total_cost: 0.000001 * (i % 300), latency: 80 + (i % 400), total_ms: 900 + (i % 5000),
    attempts: 1, receipt_id: `rcpt-${idOf(i)}`, failed_attempts: [], parts: null, ...more,
  };
}

const json = (route, body) => route.fulfill({ status: 200, contentType: "application/json", body: JSON.stringify(body) });
/** pages(cursor): {data, next_cursor}. The document of the page has the same path, and is not meant. */
const fakeList = (page, pages) =>
  page.route((url) => url.pathname === "/v1/generations", (route) => json(route, pages(new URL(route.request().url()).searchParams.get("cursor"), new URL(route.request().url()).searchParams)));
const fakeFigures = (page, rows) =>
  page.route((url) => url.pathname === "/v1/analytics", (route) => json(route, { data: rows(new URL(route.request().url()).searchParams) }));

const nothing = { p50: null, p90: null, p95: null, p99: null };
const figures = (more) => ({ requests: 0, errors: 0, usage: 0, byok_usage_inference: 0, prompt_tokens: 0, completion_tokens: 0, reasoning_tokens: 0, cached_tokens: 0, first_byte_ms: nothing, total_ms: nothing, ...more });

const stat = (page, label) => page.locator(".stat", { hasText: label }).locator(".value");
const rowsOf = (page, label) => page.getByRole("region", { name: label, exact: true }).locator("tbody tr[data-opens]");

// --- canaries: what a key, a model or a provider may be called

const CANARY = `<img src=x onerror="window.hit=1"><script>window.hit=1</script>"'javascript:window.hit=1`;
const unhurt = async (page) => {
  equal(await page.evaluate(() => window.hit ?? 0), 0, "a canary ran");
  equal(await page.locator("main img, main script").count(), 0, "a canary became an element");
};

const SIZES = [["desktop", "light"], ["phone", "dark"]];

await cases({
  async overview_shows_the_figures_of_the_month(t) {
    await ask({});
    for (const [size, theme] of SIZES) {
      const page = await t.open("/app", { signedIn: true, size, theme });
      await rowsOf(page, "Latest requests").first().waitFor();
      const month = (await asked(page, `/analytics?group_by=&from=${new Date().toISOString().slice(0, 7)}-01`)).data[0];
      await until(async () => (await stat(page, "Requests this month").innerText()) === month.requests.toLocaleString("en-US"), "requests of the month");
      equal(await stat(page, "Errors this month").innerText(), month.errors.toLocaleString("en-US"), "errors");
      const dollars = async (name) => {
        const text = await stat(page, name).innerText();
        ok(/^\$[\d,]+\.\d{2,9}$/.test(text), `${name} is an amount: ${text}`);
        return Number(text.replace(/[$,]/g, ""));
      };
      ok(Math.abs((await dollars("Spend this month")) - Number(month.usage)) <= 0.005, `the spend is ${month.usage}`);
      ok(Math.abs((await dollars("Balance")) - Number((await asked(page, "/credits")).data.balance)) <= 0.005, "the balance");
      await page.locator(".chart canvas").waitFor();
      await t.axe(page);
      await t.shot(page, `usage-overview-${size}-${theme}`);
    }
  },

  async overview_says_what_to_do_first(t) {
    const page = await t.open("/app", { signedIn: true, before: async (p) => {
      await fakeList(p, () => ({ data: [], next_cursor: null }));
      await fakeFigures(p, () => []);
      await p.route((url) => url.pathname === "/v1/keys", (route) => json(route, { data: [] }));
    } });
    await page.getByRole("heading", { name: "First steps" }).waitFor();
    const links = await page.locator(".steps a").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
    equal(links, ["/app/keys?new=1", "/app/chat", "/verify"], "where the steps lead");
    equal(await stat(page, "Requests this month").innerText(), "0");
    await t.axe(page);
    await t.shot(page, "usage-overview-empty");
    await page.unroute((url) => url.pathname === "/v1/keys");
    await page.route((url) => url.pathname === "/v1/keys", (route) => json(route, { data: [{ role: "inference" }] }));
    await page.reload();
    await page.locator(".steps .badge.good").waitFor();
    equal(await page.locator(".steps a").count(), 2, "a step that is done has no button");
  },

  async first_steps_are_those_that_a_role_can_take(t) {
    const owner = await newUser();
    const page = await openAs(t, await newMember(owner, "viewer"), "/app");
    await page.getByRole("heading", { name: "First steps" }).waitFor();
    equal(await page.locator(".steps a").evaluateAll((all) => all.map((a) => a.getAttribute("href"))), ["/app/chat", "/verify"], "no key is made by a viewer");
    // Records go after some days, and the sums stay: nobody begins again.
    const later = await openAs(t, owner, "/app", { before: (p) => fakeFigures(p, () => [figures({ requests: 7 })]) });
    await later.getByText("The records of older requests are removed.").waitFor();
    equal(await later.getByRole("heading", { name: "First steps" }).count(), 0, "first steps of an account in use");
  },

  async activity_is_what_the_api_says(t) {
    await ask({ model: "demo/dear" });
    const failed = await ask({ mock: { "demo-a": "fail=400", "demo-b": "fail=400" } });
    ok(failed.status >= 400, "a request that fails");
    const page = await t.open("/app/activity", { signedIn: true });
    await until(async () => (await asked(page, "/analytics?group_by=")).data[0].errors > 0, "rolled up");
    await page.reload();
    await page.locator(".chart canvas").nth(3).waitFor();
    const models = (await asked(page, `/analytics?group_by=model`)).data;
    const shown = page.getByRole("region", { name: "Usage by model", exact: true });
    for (const m of models) await shown.getByRole("button", { name: m.model, exact: true }).waitFor();
    await page.getByRole("tab", { name: "By key" }).click();
    await page.getByRole("region", { name: "Usage by key", exact: true }).getByRole("button", { name: "demo", exact: true }).waitFor();
    await page.getByRole("tab", { name: "By model" }).click();
    // A row chooses: the address has it, the figures are those of it alone, and Back would find it again.
    await shown.getByRole("button", { name: "demo/dear", exact: true }).click();
    await until(() => page.url().includes("model=demo%2Fdear"), "the address has the model");
    const dear = (await asked(page, `/analytics?group_by=&model=demo/dear&from=${encodeURIComponent(new Date(Math.floor(Date.now() / 3.6e6) * 3.6e6 - 23 * 3.6e6).toISOString().replace(".000Z", "Z"))}`)).data[0];
    await until(async () => (await page.locator(".stat .value").first().innerText()) === String(dear.requests), "its requests alone");
    equal(await page.getByLabel("Model", { exact: true }).inputValue(), "demo/dear", "the filter shows it");
    await page.getByLabel("Time", { exact: true }).selectOption("90d");
    await until(() => page.url().includes("range=90d"), "the range is in the address");
    await page.locator(".chart canvas").nth(3).waitFor();
    ok((await page.getByText("per day").count()) === 4, "long times are by the day");
    await t.axe(page);
  },

  async each_figure_is_in_its_place(t) {
    const one = figures({
      model: "author/one", requests: 8, errors: 2, usage: 0.5, prompt_tokens: 20_100, completion_tokens: 3000, reasoning_tokens: 70, cached_tokens: 400,
      first_byte_ms: { p50: 11, p90: 12, p95: 13, p99: 14 }, total_ms: { p50: 1500, p90: 2500, p95: 65_000, p99: 200_000 },
    });
    const page = await t.open("/app/activity", { signedIn: true, before: (p) => fakeFigures(p, () => [one]) });
    const row = page.getByRole("region", { name: "Usage by model", exact: true }).locator("tbody tr").first();
    await row.waitFor();
    equal(await row.locator("td").allTextContents(), ["author/one", "8", "75.0%", "20.1K", "3,000", "400", "1.50 s", "1 min 5 s", "3 min 20 s", "$0.50"], "the row");
    const said = (await page.locator(".stat").allInnerTexts()).map((text) => text.split("\n").filter((l) => l !== "").join("; "));
    equal(said, [
      "Requests; 8; 2 failed", "Success rate; 75.00%; answered, or cancelled by the client", "Spend; $0.50; what was booked in this time",
      "Tokens; 23.1K; 20.1K in, 3,000 out", "First byte, p50; 11 ms; p95 13 ms, p99 14 ms", "Total time, p50; 1.50 s; p95 1 min 5 s, p99 3 min 20 s",
    ], "the totals");
  },

  async figures_fit_their_cards(t) {
    for (const usage of [0.923271044, 1_234_567.89, 0.000000001]) {
      const before = (p) => fakeFigures(p, () => [figures({ requests: 12_345_678, usage, prompt_tokens: 987_654_321 })]);
      for (const options of [{ size: "phone" }, {}, { viewport: { width: 1920, height: 1080 } }]) {
        const page = await t.open("/app/activity", { signedIn: true, before, ...options });
        await page.locator(".stat .value").getByText("$").waitFor();
        const over = await page.locator(".stat .value").evaluateAll((all) => all.filter((v) => v.scrollWidth > v.clientWidth).map((v) => v.textContent));
        equal(over, [], `wider than its card, ${JSON.stringify(options)}`);
      }
    }
  },

  async charts_follow_the_colours(t) {
    const page = await t.open("/app/activity", { signedIn: true, before: (p) => fakeFigures(p, () => [figures({ requests: 3 })]) });
    await page.locator(".chart canvas").nth(3).waitFor();
    const has = (rgb) => page.locator(".chart canvas").first().evaluate((c, want) => {
      const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255 && `${data[i]},${data[i + 1]},${data[i + 2]}` === want) return true;
      return false;
    }, rgb);
    const [light, dark] = ["226,229,229", "38,49,47"]; // --line of both
    await until(() => has(light), "lines for a light page");
    await page.emulateMedia({ colorScheme: "dark" });
    await until(() => has(dark), "lines for a dark page", 5000);
    await page.getByRole("button", { name: /Switch to light/ }).click();
    await until(() => has(light), "lines for a light page, by choice", 5000);
  },

  async a_page_that_stays_open_goes_on_with_the_hours(t) {
    const froms = [];
    const page = await t.open("/app/activity", { signedIn: true, before: async (p) => {
      await p.clock.install({ time: new Date("2026-11-30T12:34:56Z") });
      await fakeFigures(p, (words) => (froms.push(words.get("from")), [figures({ requests: 3 })]));
    } });
    await page.locator(".chart canvas").nth(3).waitFor();
    ok(froms.includes("2026-11-29T13:00:00Z"), `24 hours: ${froms}`);
    await page.clock.fastForward("30:00");
    await until(() => froms.includes("2026-11-29T14:00:00Z"), "the hour that has begun is asked for", 5000);
  },

  async activity_says_when_there_is_nothing(t) {
    const page = await t.open("/app/activity?model=author/none", { signedIn: true, before: (p) => fakeFigures(p, () => []) });
    await page.getByText("Nothing was booked in this time").waitFor();
    await page.getByText("Choose fewer filters").waitFor(); // what to do
    equal(await stat(page, "Success rate").innerText(), "–", "no rate of nothing");
    await t.axe(page);
  },

  async a_request_appears_while_the_page_is_open(t) {
    const page = await t.open("/app/activity", { signedIn: true });
    await page.locator('.live[data-state="live"]').waitFor();
    await page.waitForTimeout(1500); // what the beginning of the stream asked for
    const before = t.sent("GET", /^\/v1\/generations\?/).length;
    const { id } = await ask({});
    await page.locator(`a[href="/app/generations/${id}"]`).waitFor();
    ok(t.sent("GET", /^\/v1\/generations\?/).length <= before + 4, "it is asked for, not polled");
    equal(t.sent("GET", /^\/v1\/activity\/live/).length, 1, "one stream");
  },

  async without_events_the_page_asks_again(t) {
    const page = await t.open("/app/activity", { signedIn: true, before: (p) => p.route("**/v1/activity/live*", (r) => r.abort("connectionfailed")) });
    await page.getByText("live updates are interrupted").waitFor();
    equal(await page.locator(".live").getAttribute("data-state"), "interrupted");
  },

  async requests_are_filtered_by_the_address(t) {
    const { id } = await ask({ model: "demo/dear" });
    const page = await t.open("/app", { signedIn: true });
    await booked(page, id);
    await page.goto(`${CONSOLE}/app/generations?model=demo%2Fdear&status=ok`);
    await rowsOf(page, "Requests").first().waitFor();
    const models = await page.locator("tbody tr[data-opens] td:nth-child(2)").allInnerTexts();
    ok(models.length > 0 && models.every((m) => /^demo\/dear( for |$)/.test(m)), `only demo/dear: ${models}`);
    const csv = await page.getByRole("link", { name: "CSV" }).getAttribute("href");
    const text = await page.evaluate(async (u) => (await fetch(u)).text(), csv);
    const lines = text.trim().split("\r\n");
    ok(lines.length - 1 >= models.length, "the CSV has what is shown, and pages behind it");
    ok(lines.some((l) => l.includes(id)), "and the request");
    await page.getByLabel("Outcome").selectOption("cancelled");
    await until(() => page.url().includes("status=cancelled"), "the address has the outcome");
    await page.getByText("No request fits").waitFor();
    await t.axe(page);
    await page.getByRole("button", { name: "Remove the filters" }).click();
    await rowsOf(page, "Requests").first().waitFor();
    equal(new URL(page.url()).search, "", "no filter is left");
    // Keyboard: the first column is a link.
    await rowsOf(page, "Requests").first().locator("a").focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/app\/generations\/gen-/);
  },

  async pages_that_bring_nothing_are_passed_over(t) {
    const cursors = [];
    const page = await t.open("/app/generations?model=author/rare", { signedIn: true, before: (p) => fakeList(p, (cursor) => {
      cursors.push(cursor);
      const n = cursor === null ? 0 : Number(cursor);
      if (n === 3) return { data: [record(1)], next_cursor: "4" };
      return { data: [], next_cursor: n < 30 ? String(n + 1) : null };
    }) });
    await page.getByRole("button", { name: "Search further back" }).waitFor();
    equal(await rowsOf(page, "Requests").count(), 1, "the one that was found");
    equal(cursors.length, 11, "ten further pages before somebody is asked");
    await page.getByRole("button", { name: "Search further back" }).click();
    await until(() => cursors.length > 11, "it goes on");
    await until(async () => (await page.getByText("1 shown: all of them.").count()) === 1 || (await page.getByRole("button", { name: "Search further back" }).click({ timeout: 500 }).catch(() => false)), "the end");
    equal(new Set(cursors).size, cursors.length, "no page twice");
  },

  async a_later_page_that_fails_keeps_the_rows(t) {
    let broken = true;
    const page = await t.open("/app/generations", { signedIn: true, before: (p) => p.route((url) => url.pathname === "/v1/generations", (route) => {
      const cursor = new URL(route.request().url()).searchParams.get("cursor");
      if (cursor !== null && broken) return route.fulfill({ status: 503, contentType: "application/json", body: JSON.stringify({ error: { message: "Too many requests at once.", code: "overloaded" } }) });
      return json(route, cursor === null ? { data: Array.from({ length: 90 }, (_, i) => record(i)), next_cursor: "x" } : { data: [record(90)], next_cursor: null });
    }) });
    await page.getByRole("alert").getByText("Too many requests at once.").waitFor();
    equal(await rowsOf(page, "Requests").count(), 90, "rows stay");
    broken = false;
    await page.getByRole("button", { name: "Try again" }).click();
    await until(async () => (await rowsOf(page, "Requests").count()) === 91, "all of them");
  },

  async a_hundred_thousand_rows_stay_smooth(t) {
    const PAGE = 20_000, ALL = 100_000;
    const page = await t.open("/app/generations", { signedIn: true, before: (p) => fakeList(p, (cursor) => {
      const from = Number(cursor ?? 0);
      return { data: Array.from({ length: PAGE }, (_, i) => record(from + i)), next_cursor: from + PAGE < ALL ? String(from + PAGE) : null };
    }) });
    const frame = page.getByRole("region", { name: "Requests", exact: true });
    const linkTo = (i) => `a[href="/app/generations/gen-${idOf(i)}"]`;
    await frame.waitFor();
    await until(async () => {
      await frame.evaluate((f) => f.scrollTo(0, f.scrollHeight));
      return (await page.getByText("100,000 shown: all of them.").count()) === 1;
    }, "every row", 45_000);
    await frame.locator(linkTo(ALL - 1)).waitFor();
    ok((await rowsOf(page, "Requests").count()) < 80, "few rows are in the document");
    // Frames of a page at rest, then 120 that scroll by three rows each, as a fast wheel does, then 40 jumps through all of it.
    // The main thread's own time, which a busy machine does not lengthen, is told beside them.
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
    const used = async () => (await cdp.send("Performance.getMetrics")).metrics.find((m) => m.name === "TaskDuration").value;
    const scroll = (what, n) => frame.evaluate(async (f, [kind, n]) => {
      const next = () => new Promise((r) => requestAnimationFrame(r));
      const to = { rest: () => 0, wheel: (i) => i * 120, jumps: (i) => (f.scrollHeight * ((i * 37) % 41)) / 41 }[kind];
      const frames = [];
      for (let i = 0, last = await next(); i < n; i++) {
        f.scrollTo(0, to(i));
        const now = await next();
        frames.push(now - last);
        last = now;
      }
      frames.sort((a, b) => a - b);
      return [0.5, 0.95, 1].map((q) => Math.round(frames[Math.floor(q * (n - 1))]));
    }, [what, n]);
    for (const [what, n] of [["rest", 60], ["wheel", 120], ["jumps", 40]]) {
      const before = await used();
      const [p50, p95, longest] = await scroll(what, n);
      const each = (1000 * (await used() - before)) / n;
      console.log(`# 100,000 rows, ${what}: frames p50 ${p50} ms, p95 ${p95} ms, longest ${longest} ms; ${each.toFixed(1)} ms of the main thread each`);
    }
    await frame.evaluate((f) => f.scrollTo(0, 54_321 * 40));
    await frame.locator(linkTo(54_321)).waitFor();
    equal(await frame.locator("tr", { has: page.locator(linkTo(54_321)) }).getAttribute("aria-rowindex"), "54323", "a reader is told which row it is");
  },

  async a_long_list_on_a_phone_names_the_models(t) {
    const page = await t.open("/app/generations", { signedIn: true, size: "phone", before: (p) => fakeList(p, () => ({ data: Array.from({ length: 150 }, (_, i) => record(i)), next_cursor: null })) });
    const cell = rowsOf(page, "Requests").first().locator("td").nth(1);
    const { width, text } = await cell.evaluate((c) => ({ width: c.clientWidth, text: c.firstChild.getBoundingClientRect().width }));
    ok(text + 16 <= width, `a model's name of ${text} pixels in a cell of ${width}`);
  },

  async attempts_and_the_model_asked_first_are_shown(t) {
    const { id, status } = await ask({ model: "demo/only-a", models: ["demo/only-a", "demo/echo"], provider: { order: ["demo-a", "demo-b"] }, mock: { "demo-a": "fail=500", "demo-b": "tokens=1" } });
    equal(status, 200, "the second model answers");
    const page = await t.open("/app", { signedIn: true });
    await booked(page, id);
    for (const [size, theme] of SIZES) {
      const one = await t.open(`/app/generations/${id}`, { signedIn: true, size, theme });
      const attempts = one.getByRole("region", { name: "Attempts", exact: true }).locator("tbody tr");
      await attempts.first().waitFor();
      const texts = await attempts.allInnerTexts();
      ok(texts.length >= 2 && /demo-a[\s\S]*demo\/only-a[\s\S]*500/.test(texts[0]), texts[0]);
      ok(/demo-b[\s\S]*demo\/echo[\s\S]*answered/.test(texts.at(-1)), texts.at(-1));
      await one.getByText("demo/only-a was asked for first").waitFor(); // the original model
      await t.axe(one);
      await t.shot(one, `usage-request-${size}-${theme}`);
    }
  },

  async a_request_that_is_not_there(t) {
    const page = await t.open(`/app/generations/gen-${"0".repeat(32)}`, { signedIn: true });
    await page.getByText("There is no such request").waitFor();
    await page.getByRole("button", { name: "Look again" }).waitFor(); // what to do
    await t.axe(page);
  },

  async a_receipt_is_verified_in_the_browser(t) {
    const { id, sent, answer } = await ask({});
    const page = await t.open(`/app/generations/${id}`, { signedIn: true, before: (p) => p.addInitScript(() => sessionStorage.clear()) });
    await booked(page, id);
    await page.reload();
    await page.getByRole("button", { name: "Verify the receipt" }).click();
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.getByText("Paste a key first.").waitFor();
    await page.getByLabel("API key of the request").fill(env("TR_API_KEY"));
    await page.getByText("Compare with the bytes").click();
    await page.getByLabel("Body of the request").setInputFiles({ name: "request.json", mimeType: "application/json", buffer: Buffer.from(sent) });
    await page.getByLabel("Body of the answer").setInputFiles({ name: "answer.json", mimeType: "application/json", buffer: answer });
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.getByText("no processor vouches for it").waitFor();
    const checks = Object.fromEntries(await page.locator(".checks li").evaluateAll((all) => all.map((l) => [l.querySelector("code").textContent, l.querySelector(".badge").textContent])));
    equal([checks.SIGNATURE, checks.REQUEST, checks.RESPONSE, checks.COST], ["ok", "ok", "ok", "ok"], "checks");
    await page.getByText("demo-a").first().waitFor(); // the provider that the receipt names
    await t.axe(page);
    await t.shot(page, "usage-receipt");
    // The key went to the data plane alone.
    const key = env("TR_API_KEY");
    equal(t.requests.filter((r) => r.origin !== DATA_PLANE && (r.url.includes(key) || r.body.includes(key) || JSON.stringify(r.headers).includes(key))).length, 0, "the key at the control plane");
    ok(t.sent("GET", /^\/v1\/aci\/receipts\//, DATA_PLANE).length >= 1, "the receipt is the data plane's");
    // One byte of the answer is another.
    const changed = Buffer.from(answer);
    changed[changed.length - 3] ^= 1;
    await page.getByLabel("Body of the answer").setInputFiles({ name: "answer.json", mimeType: "application/json", buffer: changed });
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.getByText("The receipt does not hold").waitFor();
  },

  async a_receipt_that_was_changed_is_refused(t) {
    const { id } = await ask({});
    const page = await t.open(`/app/generations/${id}`, { signedIn: true });
    await booked(page, id);
    await page.reload();
    await page.route("**/v1/aci/receipts/**", async (route) => {
      const a = await route.fetch();
      await route.fulfill({ response: a, body: (await a.text()).replace('"demo/echo"', '"demo/dear"') });
    });
    await page.getByRole("button", { name: "Verify the receipt" }).click();
    await page.getByLabel("API key of the request").fill(env("TR_API_KEY"));
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.getByText("Another key signed this, or none.").waitFor();
    // Of another key, or of none: the data plane says so, and the page what that means.
    await page.unroute("**/v1/aci/receipts/**");
    await page.getByLabel("API key of the request").fill("sk-tr-v1-" + "A".repeat(43));
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.getByRole("alert").getByText("or it is of another key").waitFor();
  },

  async names_that_look_like_markup_stay_text(t) {
    const evil = record(0, { model: CANARY, first_model: `first ${CANARY}`, provider_name: CANARY, api_key_name: CANARY, outcome: "error", http_status: 502, error: CANARY,
      failed_attempts: [{ attempt: 1, model: CANARY, provider_name: CANARY, endpoint_id: "1", status: 500, error: CANARY, latency: 3 }] });
    const one = { ...evil, generation_time: 3, provider_responses: [{ endpoint_id: "1", provider_name: CANARY, model_permaslug: CANARY, status: 500, latency: 3, error: CANARY }], upstream_inference_cost: null, native_tokens_cache_write: 0,
      parts: [{ id: "p", role: "panel", place: 0, model: CANARY, provider_name: CANARY, outcome: CANARY, finish_reason: null, refused: false, chosen: true, latency: 1, generation_time: 1, tokens_prompt: 1, tokens_completion: 1, total_cost: 0 }] };
    const before = async (p) => {
      await fakeList(p, () => ({ data: [evil], next_cursor: null }));
      await fakeFigures(p, () => [figures({ requests: 3, model: CANARY, provider: CANARY, key: hex(1, 64), key_name: CANARY })]);
      await p.route((url) => url.pathname === "/v1/generation", (route) => json(route, { data: one }));
    };
    for (const at of ["/app", "/app/activity", "/app/generations", "/app/generations/x"]) {
      const page = await t.open(at, { signedIn: true, before });
      await page.locator("tbody").getByText("<img src=x").first().waitFor(); // as it is written
      await page.waitForTimeout(200);
      await unhurt(page);
    }
  },

  async a_session_that_ends_meanwhile(t) {
    const page = await t.open("/app/activity?range=7d", { signedIn: true });
    await page.locator(".chart canvas").nth(3).waitFor();
    await t.fail(page, (url) => url.pathname === "/v1/analytics" || url.pathname === "/v1/generations", 401, "invalid_session", "The session is not known, or it has ended.");
    await page.getByLabel("Time", { exact: true }).selectOption("30d");
    await page.waitForURL(/\/login\?/);
    equal(new URL(page.url()).searchParams.get("return_to"), "/app/activity?range=30d", "where it goes on");
  },
});
