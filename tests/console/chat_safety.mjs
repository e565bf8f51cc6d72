#!/usr/bin/env node
// What a model writes is text from anybody. Twenty kinds of it try to run a script, to load something or to lead the reader
// to an address that does; each is shown, in the answer, in the thinking, in the arguments of a call and in a panel's words.
import { cases, CONSOLE, DATA_PLANE, equal, ok } from "./lib.mjs";
import { ask, model, ONLY, openWithKey, reset, says } from "./provider.mjs";

const HOST = "canary.invalid";
const RUN = "window.__ran=1";
const KINDS = {
  script: `<script>${RUN}</script>`,
  script_src: `<script src="https://${HOST}/x.js"></script>`,
  image_onerror: `<img src=x onerror="${RUN}">`,
  image_remote: `<img src="https://${HOST}/html.png">`,
  svg_onload: `<svg onload="${RUN}"><animate onbegin="${RUN}" attributeName=x dur=1s></svg>`,
  iframe: `<iframe srcdoc="<script>parent.${RUN}</script>" src="https://${HOST}/frame"></iframe>`,
  style: `<style>@import url(https://${HOST}/x.css);*{background:url(https://${HOST}/bg.png)}</style>`,
  markdown_image: `![words](https://${HOST}/md.png "title")`,
  markdown_data_image: `![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)`,
  javascript_link: `[click me](javascript:${RUN})`,
  javascript_link_mixed: `[click me](JaVaScRiPt:${RUN}) and [again](\tjavascript:${RUN})`,
  javascript_link_entities: `[click me](&#106;avascript:${RUN}) [colon](javascript&colon;${RUN})`,
  data_link: `[click me](data:text/html,<script>${RUN}</script>)`,
  vbscript_file_blob: `[a](vbscript:x) [b](file:///etc/passwd) [c](blob:${CONSOLE}/1) [d](about:blank)`,
  autolink_javascript: `<javascript:${RUN}>`,
  reference_link: `[click me][r]\n\n[r]: javascript:${RUN}`,
  relative_link: `[your keys](/app/keys) [up](../login) [host](//${HOST}/x)`,
  attribute_break: `[x](https://example.com/"onmouseover="${RUN}) <a href="javascript:${RUN}">html link</a>`,
  code_fence_language: "```\"><img/src/onerror=" + RUN + ">\n<script>" + RUN + "</script>\n```",
  table_cells: `| <b onmouseover="${RUN}">a</b> | [x](javascript:${RUN}) |\n|---|---|\n| <img src=x onerror=${RUN}> | <form action=javascript:${RUN}><button>go</button></form> |`,
  html_in_markdown: `> - **<details open ontoggle="${RUN}">*x*</details>** \`<script>${RUN}</script>\``,
  math_and_comment: `<!--><img src=x onerror=${RUN}>--> <math><mtext></form><form><mglyph><style></math><img src onerror=${RUN}>`,
  direction: `\u202ethis is written backwards\u202c <template><script>${RUN}</script></template>`,
  meta_base: `<meta http-equiv=refresh content="0;url=https://${HOST}/"><base href="https://${HOST}/"><link rel=stylesheet href="https://${HOST}/l.css">`,
};

/** Nothing ran, nothing was loaded, and every link and element is one that the page makes itself. */
async function harmless(t, page, what) {
  const found = await page.evaluate(() => ({
    ran: window.__ran,
    odd: [...document.querySelectorAll("main .md script, main .md iframe, main .md img, main .md svg:not(.button svg), main .md style, main .md form, main .md base, main .md link, main .md meta, main .md object, main .md template")].map((e) => e.outerHTML.slice(0, 120)),
    handlers: [...document.querySelectorAll("main .md *")].flatMap((e) => [...e.attributes].filter((a) => a.name.startsWith("on")).map((a) => a.name)),
    links: [...document.querySelectorAll("main .md a")].map((a) => ({ href: a.getAttribute("href"), rel: a.rel, target: a.target })),
    place: location.href,
  }));
  equal(found.ran, undefined, `${what}: a script ran`);
  equal(found.odd, [], `${what}: elements`);
  equal(found.handlers, [], `${what}: handlers`);
  for (const l of found.links) {
    ok(/^(https?:|mailto:)/.test(l.href), `${what}: a link to ${l.href}`);
    ok(l.rel.includes("noopener") && l.target === "_blank", `${what}: a link without noopener`);
  }
  ok(found.place.startsWith(CONSOLE), `${what}: the page went to ${found.place}`);
  equal(t.requests.filter((r) => ![CONSOLE, DATA_PLANE].includes(r.origin)).map((r) => r.url), [], `${what}: requests`);
}

const all = {
  async all_at_once_and_nested(t) {
    await reset();
    const page = await openWithKey(t, "/app/chat");
    await says(ONLY, `${Object.values(KINDS).join("\n\n")}\n\n${"> ".repeat(400)}deep\n\n${"- ".repeat(200)}deep\n\n${"*".repeat(3000)}`);
    await ask(page, "everything");
    await harmless(t, page, "everything");
    ok((await page.locator(".turn.assistant").innerText()).includes("deep"), "it is shown to its end");
  },

  async in_thinking_and_arguments(t) {
    await reset();
    const page = await openWithKey(t, "/app/chat");
    await page.getByRole("button", { name: "Parameters" }).click();
    await page.getByLabel("Tools (JSON schemas)").fill(JSON.stringify({ name: "look", parameters: { type: "object", properties: { q: { type: "string", enum: [KINDS.image_onerror] } }, required: ["q"] } }));
    await page.getByRole("button", { name: "Close" }).click();
    const script = `demo-script:\nthink ${KINDS.image_onerror}${KINDS.javascript_link}\ncall look ${JSON.stringify({ q: KINDS.image_onerror })}\nend`;
    const answer = await ask(page, script);
    ok((await answer.locator("pre").first().innerText()).includes("onerror"), "the arguments are shown as text");
    await harmless(t, page, "arguments");
  },

  async in_what_the_reader_writes_and_in_titles(t) {
    await reset();
    const page = await openWithKey(t, "/app/chat");
    await ask(page, KINDS.image_onerror + KINDS.script);
    await harmless(t, page, "the reader's own words");
    equal(await page.locator(".history img, .words img, .words script").count(), 0, "elements of the list and the question");
  },

  async in_errors_of_providers(t) {
    await reset();
    await model(ONLY, `fail=400,error_text=${KINDS.image_onerror.replaceAll(",", "")}`);
    const page = await openWithKey(t, "/app/chat");
    await ask(page, "refuse this");
    await page.getByRole("alert").waitFor(); // the error is shown
    equal(await page.locator(".failure img").count(), 0, "elements of the error");
    await harmless(t, page, "an error");
  },

  async in_what_the_catalog_says(t) {
    const evil = (text) => text.replaceAll("Demo, one provider", KINDS.image_onerror.replaceAll('"', "'")).replaceAll("Served by Demo A", KINDS.javascript_link);
    const before = (p) => p.route(/\/v1\/models?(\/demo\/only-a)?$/, async (r) => { const a = await r.fetch(); await r.fulfill({ response: a, body: evil(await a.text()) }); });
    for (const at of ["/models", "/app/chat", "/app/compare", "/models/demo/only-a"]) {
      const page = await openWithKey(t, at, { before });
      await page.getByText("onerror").first().waitFor();
      equal(await page.evaluate(() => window.__ran), undefined, at);
      equal(await page.locator("main img").count(), 0, at);
    }
  },
};
for (const [kind, text] of Object.entries(KINDS))
  all[`answer_${kind}`] = async (t) => {
    await reset();
    await says(ONLY, `before\n\n${text}\n\nafter the end`);
    const page = await openWithKey(t, "/app/chat");
    const answer = await ask(page, kind);
    ok((await answer.innerText()).includes("after the end"), "the answer is shown to its end");
    for (const link of await answer.getByText("click me").all()) await link.click({ noWaitAfter: true });
    await harmless(t, page, kind);
  };

await cases(all);
