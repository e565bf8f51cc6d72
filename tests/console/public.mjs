#!/usr/bin/env node
// The pages that anybody may read: figures that come from the running service, search and links in the documents, prices,
// incidents, the security contact; where they ask, and what a page's policy refuses.
import { cases, CONSOLE, DATA_PLANE, env, equal, ok, until } from "./lib.mjs";

const settled = (page) => until(async () => (await page.locator(".skeleton").count()) === 0 && (await page.locator("main h1").count()) > 0, "the page is there");
const stat = (page, label) => page.locator(".stat").filter({ hasText: label }).locator(".value");

async function operator(t, method, path, body) {
  const context = await t.context();
  const a = await context.request.fetch(`${CONSOLE}/v1${path}`, { method, headers: { authorization: `Bearer ${env("TR_MANAGEMENT_KEY")}`, "content-type": "application/json" }, data: body });
  ok(a.ok(), `${method} ${path}: ${a.status()}`);
  return a.json();
}
const dataPlane = async (page, path) => (await page.context().request.get(`${DATA_PLANE}/v1${path}`)).json();

await cases({
  async the_landing_page_counts_what_is_served(t) {
    const page = await t.open("/");
    await settled(page);
    const { data } = await dataPlane(page, "/models");
    equal(await stat(page, "Models").textContent(), String(data.length), "models");
    ok((await page.locator("main pre").first().textContent()).includes(`${DATA_PLANE}/v1`), "the example has this installation's address");
    await page.getByRole("tab", { name: "Python" }).first().click();
    ok((await page.locator("main pre").first().textContent()).includes("from openai import OpenAI"), "Python");
    for (const r of t.requests) ok([CONSOLE, DATA_PLANE].includes(r.origin) || r.url.startsWith("data:"), r.url);
    equal(t.sent("GET", /^\/v1\/models$/, DATA_PLANE).length, 1, "the catalog is asked for once");
  },

  async the_landing_page_without_a_data_plane(t) {
    const page = await t.open("/", { before: (p) => t.fail(p, `${DATA_PLANE}/**`) });
    await page.getByText("The data plane").first().waitFor();
    equal(await stat(page, "Models").textContent(), "–");
    await page.unroute(`${DATA_PLANE}/**`);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("link", { name: "demo/echo" }).waitFor();
  },

  async status_shows_figures_and_incidents(t) {
    const mark = `Incident <b>${Date.now()}</b>`;
    const made = await operator(t, "POST", "/incidents", { title: mark, impact: "minor", message: "<img src=x onerror=alert(1)> we look", providers: "demo-b" });
    try {
      const page = await t.open("/status");
      await until(async () => {
        if (await page.getByText(mark).isVisible()) return true;
        await page.reload(); // the document is made anew every five seconds
        return false;
      }, "the incident is shown");
      await page.getByText("<img src=x onerror=alert(1)> we look").waitFor(); // its words are text
      const document = await (await page.context().request.get(`${CONSOLE}/status.json`)).json();
      equal(await page.getByRole("region", { name: "Providers" }).locator("tbody tr").count(), document.providers.length);
      equal(await page.getByRole("region", { name: "Models" }).locator("tbody tr").count(), document.models.length);
      await page.getByText("How these figures are made").click();
      await page.getByText(document.method.overhead).waitFor(); // the method
    } finally {
      await operator(t, "PATCH", `/incidents/${made.data.id}`, { state: "resolved" });
    }
  },

  async no_gateway_is_no_quiet_hour(t) {
    const truth = await (await (await t.context()).request.get(`${CONSOLE}/status.json`)).json();
    for (const at of ["/status", "/"]) {
      const page = await t.open(at, { before: (p) => p.route("**/status.json", (r) => r.fulfill({ contentType: "application/json", body: JSON.stringify({ ...truth, regions: [] }) })) });
      await page.getByText("no gateway is connected", { exact: true }).waitFor();
      ok(!(await stat(page, "Service").textContent()).includes("too few"), "and not that nobody asks");
    }
  },

  async status_is_asked_again_and_says_when_it_cannot_be_told(t) {
    const page = await (await t.context()).newPage();
    await page.clock.install();
    await page.goto(`${CONSOLE}/status`);
    await settled(page);
    await t.fail(page, "**/status.json", 503);
    await page.clock.runFor(31_000);
    await page.getByRole("alert").waitFor();
    await page.unroute("**/status.json");
    await page.clock.runFor(31_000);
    await page.getByRole("region", { name: "Models" }).first().waitFor();
    t.problems.length = 0;
  },

  async pricing_has_the_catalogs_prices(t) {
    const page = await t.open("/pricing");
    await settled(page);
    const { data } = await dataPlane(page, "/models");
    const dear = data.find((m) => m.id === "demo/dear");
    const row = page.locator("tbody tr").filter({ hasText: "demo/dear" });
    ok((await row.textContent()).includes(`$${(Number(dear.pricing.prompt) * 1e6).toFixed(2)} / 1M`), await row.textContent());
    await page.keyboard.press("/");
    await page.keyboard.type("speech tok");
    await until(async () => (await page.locator("tbody tr").count()) === 1, "one model is left");
    ok(page.url().endsWith("?q=speech+tok"), page.url());
    await page.keyboard.type(" nothing has this");
    await page.getByText("No model has these words").waitFor();
  },

  async prices_that_are_not_by_token(t) {
    const page = await t.open("/pricing");
    await settled(page);
    const { data } = await dataPlane(page, "/models");
    const units = { image: "image", request: "request", second: "second", character: "character", query: "query" };
    let compared = 0;
    for (const m of data) {
      const text = await page.getByRole("row").filter({ has: page.getByRole("link", { name: m.id, exact: true }) }).textContent();
      for (const [name, word] of Object.entries(units))
        if (Number(m.pricing[name] ?? 0) > 0) {
          ok(text.includes(`$${m.pricing[name]} per ${word}`) && !text.includes("free"), `${m.id}: ${text}`);
          compared++;
        }
      for (const [name, word] of [["image_token", "image tokens"], ["audio", "audio tokens"]])
        if (Number(m.pricing[name] ?? 0) > 0) ok(text.includes(`$${(m.pricing[name] * 1e6).toFixed(2)} / 1M ${word}`), `${m.id}: ${text}`);
    }
    ok(compared >= 4, `${compared} prices per unit`);
    const wide = await page.locator(".pricing .table-frame").first().evaluate((e) => e.scrollWidth - e.clientWidth);
    ok(wide <= 0, `the table is ${wide} px wider than its frame`);
  },

  async documents_are_found_and_linked(t) {
    const page = await t.open("/docs");
    await page.getByRole("link", { name: "Verify in five minutes" }).waitFor();
    const asked = t.requests.length;
    await page.keyboard.press("/");
    await page.keyboard.type("canary scenario memory");
    await page.locator(".docs-hits li").first().waitFor();
    ok(t.requests.slice(asked).every((r) => !r.path.includes("canary") && r.path.startsWith("/assets/")), "nobody is asked for the words");
    await page.locator(".docs-hits a").first().click();
    await until(() => page.url().includes("/docs/threat-model#"), "the section's document");
    const top = await until(async () => {
      const y = await page.evaluate(() => document.getElementById(decodeURIComponent(location.hash.slice(1)))?.getBoundingClientRect().top);
      return y !== undefined && y >= 0 && y < 400 ? y + 1 : 0;
    }, "the section is in view");
    ok(top > 0);
    await page.locator(".prose a[href^='/docs/']").first().click();
    await until(() => !page.url().includes("threat-model"), "a link between documents");
    await page.goBack();
    await until(() => page.url().includes("/docs/threat-model"), "and back");
    await page.goto(`${CONSOLE}/docs/no-such-document`);
    await page.getByText("There is no document at this address").waitFor();
  },

  async documents_are_searched_by_the_keyboard(t) {
    const page = await t.open("/docs");
    await page.getByRole("link", { name: "Verify in five minutes" }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("idempotncy");
    await page.getByText("no document has the words as they were written").waitFor();
    const focused = () => page.evaluate(() => document.activeElement.getAttribute("href") ?? document.activeElement.tagName);
    const hits = await page.locator(".docs-hits a").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    equal(await focused(), hits[1], "the second");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowUp");
    equal(await focused(), "INPUT", "back in the field");
    await page.keyboard.press("Enter");
    await until(() => page.url() === `${CONSOLE}${hits[0]}`, "the first is open");
  },

  async nothing_of_a_document_is_markup(t) {
    const list = "**/assets/docs/verify-*.json";
    const page = await t.open("/", { before: (p) => p.route(list, (r) => r.fulfill({ contentType: "application/json", body: JSON.stringify({
      slug: "verify", file: "x", title: "X", headings: [], nodes: [
        ["script", {}, ["window.ran = 1"]], ["img", { src: "x", onerror: "window.ran = 1" }, []], ["iframe", { src: "https://evil.example" }, ["framed"]],
        ["p", { onclick: "window.ran = 1", style: "color:red" }, [["a", { href: "javascript:window.ran = 1" }, ["a link"]], "<b>bold</b>"]],
      ] }) })) });
    await page.goto(`${CONSOLE}/docs/verify`);
    await page.getByText("<b>bold</b>").waitFor();
    equal(await page.locator(".prose script, .prose img, .prose iframe, .prose a, .prose b, .prose [style], .prose [onclick]").count(), 0, "elements that no document may have");
    equal(await page.evaluate(() => window.ran), undefined);
  },

  async the_policy_stops_what_pages_may_not_do(t) {
    const page = await t.open("/security");
    await settled(page);
    const got = await page.evaluate(async () => {
      const said = [];
      document.addEventListener("securitypolicyviolation", (e) => said.push(e.effectiveDirective));
      const s = document.createElement("script");
      try { s.src = "data:text/javascript,window.ran=1"; } catch { said.push("no script's address"); }
      try { s.textContent = "window.ran = 1"; } catch { said.push("no script"); }
      document.body.append(s);
      try { document.createElement("div").innerHTML = "<img>"; } catch { said.push("no markup"); }
      const style = document.createElement("style");
      style.textContent = "main { display: none }";
      document.head.append(style);
      await fetch("https://example.com/").catch(() => said.push("no connection"));
      const frame = document.createElement("iframe");
      frame.src = "/docs";
      document.body.append(frame);
      await new Promise((r) => setTimeout(r, 300));
      return { said, ran: window.ran, hidden: getComputedStyle(document.querySelector("main")).display };
    });
    equal(got.ran, undefined, "an inline script");
    ok(got.hidden !== "none", "an inline style");
    for (const what of ["no script's address", "no script", "no markup", "no connection", "connect-src", "frame-src"]) ok(got.said.includes(what), `${what}: ${got.said}`);
    t.problems.length = 0;
  },

  async other_sites_cannot_frame_it(t) {
    const page = await (await t.context()).newPage();
    await page.route("https://evil.example/**", (r) => r.fulfill({ contentType: "text/html", body: `<iframe src="${CONSOLE}/login"></iframe><iframe src="https://other.example/"></iframe>` }));
    await page.route("https://other.example/", (r) => r.fulfill({ contentType: "text/html", body: "a page that may be framed" }));
    await page.goto("https://evil.example/");
    const framed = (origin) => page.frames().some((f) => f !== page.mainFrame() && f.url().startsWith(origin));
    await until(() => framed("https://other.example"), "another page is framed");
    await until(() => framed("chrome-error:"), "the browser shows that it refuses");
    ok(!framed(CONSOLE), "the console is framed");
    t.problems.length = 0;
  },

  async security_names_its_contact(t) {
    const page = await t.open("/security");
    await settled(page);
    await page.getByRole("link", { name: "security@demo.example" }).waitFor(); // the contact
    await page.getByRole("heading", { name: "What counts" }).waitFor(); // the policy of the repository
    const text = await (await page.context().request.get(`${CONSOLE}/.well-known/security.txt`)).text();
    ok(text.includes("Contact: mailto:security@demo.example"), text);
  },

  async migrating_is_shown_for_this_installation(t) {
    const page = await t.open("/migrate");
    await settled(page);
    for (const client of ["Environment", "Python", "TypeScript", "curl"]) {
      await page.getByRole("tab", { name: client }).click();
      ok((await page.locator("main pre").first().textContent()).includes(`${DATA_PLANE}/api/v1`), client);
    }
    await page.getByRole("heading", { name: "Where a shape is another" }).waitFor(); // the document
  },

  async an_unknown_address_says_so(t) {
    const page = await t.open("/no/such/page");
    await page.getByRole("heading", { level: 1, name: "There is no page at this address" }).waitFor();
    equal(t.requests[0].path, "/no/such/page");
    equal((await page.context().request.get(`${CONSOLE}/no/such/page`, { headers: { accept: "text/html" } })).status(), 404);
  },

  async the_keyboard_reaches_everything(t) {
    const page = await t.open("/");
    await settled(page);
    await page.keyboard.press("Tab");
    equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the page");
    await page.keyboard.press("Enter");
    await page.getByRole("tab", { name: "TypeScript" }).first().focus();
    await page.keyboard.press("ArrowRight");
    ok((await page.locator("main pre").first().textContent()).startsWith("curl"), "the arrow keys choose a tab");
    await page.keyboard.press("Control+K");
    await page.keyboard.type("pric");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${CONSOLE}/pricing`);
  },
});
