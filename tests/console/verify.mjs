#!/usr/bin/env node
// The verifier and the trust page: an address, dropped files and their refused twins get the code that tr-verify gives them;
// the separate page does the same from a disk and from another origin, and sends nothing but the question.
import { createServer } from "node:http";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { cases, CONSOLE, DATA_PLANE, env, equal, ok, ROOT, until } from "./lib.mjs";

const dir = mkdtempSync(path.join(tmpdir(), "verify."));
process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
const TR_VERIFY = path.join(ROOT, "build/release/tr-verify");
const RUN = env("TR_RUN_DIR");
const POLICY = path.join(RUN, "conf/attestation.conf");
const VERIFIER = path.join(ROOT, "build/web/verifier");
const [release, signature, ark] = [env("TR_RELEASE"), `${env("TR_RELEASE")}.minisig`, path.join(RUN, "platform/ark.pem")];

const file = (name, bytes) => ({ name, mimeType: "application/octet-stream", buffer: Buffer.from(bytes) });
const ofDisk = (at) => file(path.basename(at), readFileSync(at));
const judgedBy = [ofDisk(POLICY), ofDisk(ark), ofDisk(release), ofDisk(signature)];

/** What tr-verify says as JSON. */
function said(...args) {
  return JSON.parse(spawnSync(TR_VERIFY, [...args, "--json"], { encoding: "utf8" }).stdout);
}
const options = ["--policy", POLICY, "--release", release, "--release-key", env("TR_RELEASE_KEY"), "--log-key", env("TR_LOG_KEY")];

let recorded;
function bundle() {
  if (recorded === undefined) {
    const at = path.join(dir, "bundle.json");
    execFileSync(TR_VERIFY, ["gateway", DATA_PLANE, ...options, "--save", at, "--json"]);
    recorded = readFileSync(at);
  }
  return recorded;
}

async function drop(page, files) {
  await page.locator("input[type=file]").setInputFiles(files);
}
async function keys(page) {
  await page.getByLabel("Release key", { exact: true }).fill(env("TR_RELEASE_KEY"));
  await page.getByLabel("Log key", { exact: true }).fill(env("TR_LOG_KEY"));
}
const checkFiles = (page) => page.getByRole("button", { name: "Check the files" }).click();

/** The verdict shown, and each check as "CODE:true". */
async function shown(page) {
  const result = page.locator("article.result").first();
  await result.waitFor();
  const answers = { ok: true, failed: false, "no answer": null };
  const rows = await result.locator(".check-table tbody tr").evaluateAll((all) => all.map((r) => [r.querySelector("th").textContent, r.querySelectorAll("td")[0].textContent]));
  return { verdict: await result.getAttribute("data-verdict"), code: await result.getAttribute("data-code"), checks: rows.map(([code, word]) => `${code}:${answers[word]}`) };
}

function same(page, program) {
  equal(page.code, program.code, "code");
  equal(page.verdict, program.verdict, "verdict");
  equal(page.checks, program.checks.map((c) => `${c.code}:${c.ok}`), "checks");
}

/** The separate page, hosted by somebody else. */
async function elsewhere(use) {
  const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
  const server = createServer((q, a) => {
    const at = path.join(VERIFIER, path.basename(q.url === "/" ? "index.html" : q.url));
    a.writeHead(200, { "content-type": types[path.extname(at)] ?? "text/plain" });
    a.end(readFileSync(at));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  try {
    await use(`http://127.0.0.1:${server.address().port}/`);
  } finally {
    server.close();
  }
}

async function answer() {
  const request = JSON.stringify({ model: "demo/echo", messages: [{ role: "user", content: "Hello" }] });
  const headers = { authorization: `Bearer ${env("TR_API_KEY")}`, "content-type": "application/json" };
  const curl = (...args) => execFileSync("curl", ["-sS", "--cacert", env("TR_CA"), "-H", `authorization: ${headers.authorization}`, "-H", "content-type: application/json", ...args]);
  const head = path.join(dir, "head.txt");
  const response = curl("-D", head, "--data-binary", request, `${DATA_PLANE}/v1/chat/completions`);
  const id = /^x-receipt-id: (\S+)/im.exec(readFileSync(head, "utf8"))[1];
  const receipt = await until(() => {
    const got = curl(`${DATA_PLANE}/v1/aci/receipts/${id}`);
    return got.includes("event_log") && got;
  }, "the receipt");
  return { request: Buffer.from(request), response, receipt };
}

async function everySize(t, at, name, ready) {
  for (const size of ["desktop", "phone"])
    for (const theme of ["light", "dark"]) {
      const page = await t.open(at, { size, theme });
      await ready(page);
      await t.axe(page);
      await t.shot(page, `${name}-${size}-${theme}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      ok(wide <= 0, `${name} is ${wide} px too wide on a ${size}`);
    }
}

await cases({
  async this_service_is_accepted_and_says_simulated(t) {
    const page = await t.open("/verify");
    await page.getByRole("button", { name: "Check this service" }).click();
    const got = await shown(page);
    equal([got.verdict, got.code], ["accept", "ACCEPT"]);
    await page.getByText("No processor vouches for any of it").waitFor(); // SIMULATED is said
    for (const word of ["REPORT_DATA:true", "RELEASE_SIG:true", "LOG_PROOF:true", "RELEASE_LEAF:true", "LOG:true", "BINDING:null", "TLS_KEY:null"])
      ok(got.checks.includes(word), word);
    await page.getByText("EHBP").first().waitFor(); // what a page cannot see is said
    equal(t.sent("GET", /^\/attestation\?nonce=[0-9a-f]{64}&binding=none$/, DATA_PLANE).length, 1, "one question");
  },

  async an_address_by_the_built_in_policy_is_refused_as_by_the_program(t) {
    const page = await t.open("/verify");
    await page.getByLabel("Gateway").fill(DATA_PLANE);
    await page.getByRole("button", { name: "Check the address" }).click();
    const got = await shown(page);
    const program = said("gateway", DATA_PLANE);
    equal([got.verdict, got.code], [program.verdict, program.code]);
    equal(got.verdict, "reject");
  },

  async nobody_at_the_address(t) {
    const page = await t.open("/verify");
    await page.getByLabel("Gateway").fill(DATA_PLANE);
    await t.fail(page, `${DATA_PLANE}/attestation*`);
    await page.getByRole("button", { name: "Check the address" }).click();
    equal((await shown(page)).code, "GATEWAY");
    await page.getByText("its certificate is not trusted here").first().waitFor(); // what it may be
    await page.getByLabel("Gateway").fill("ftp://x");
    await page.getByRole("button", { name: "Check the address" }).click();
    await page.getByRole("alert").waitFor(); // no address
  },

  async dropped_files_are_judged_as_the_program_judges_them(t) {
    const page = await t.open("/verify");
    await drop(page, [...judgedBy, file("bundle.json", bundle())]);
    await keys(page);
    await page.getByLabel("Log address", { exact: true }).fill(CONSOLE);
    await checkFiles(page);
    const got = await shown(page);
    same(got, said("bundle", path.join(dir, "bundle.json"), ...options, "--log", CONSOLE));
    ok(got.checks.includes("LOG:true"), "the log that was named is read");
  },

  async refused_twins(t) {
    const base = JSON.parse(bundle());
    const flip = (hex) => (hex[0] === "0" ? "1" : "0") + hex.slice(1);
    const changed = Buffer.from(base.document, "base64");
    const at = changed.indexOf('"report":"') + 600;
    changed[at] = changed[at] === 65 ? 66 : 65;
    const twins = {
      "another exporter": { ...base, exporter: flip(base.exporter) },
      "another key": { ...base, tls_spki_sha256: flip(base.tls_spki_sha256) },
      "another host": { ...base, host: "other.example" },
      "a changed report": { ...base, document: changed.toString("base64") },
      "another time": { ...base, at: base.at + 400 * 86400 },
      "no document": { ...base, document: "AAAA" },
    };
    const codes = new Set();
    for (const [name, twin] of Object.entries(twins)) {
      const page = await t.open("/verify");
      const here = path.join(dir, "twin.json");
      writeFileSync(here, JSON.stringify(twin));
      await drop(page, [...judgedBy, ofDisk(here)]);
      await keys(page);
      await checkFiles(page);
      const [got, program] = [await shown(page), said("bundle", here, ...options)];
      equal([name, got.verdict, got.code], [name, program.verdict, program.code]);
      codes.add(got.code);
    }
    ok(codes.size >= 4, `different codes: ${[...codes].join(" ")}`);
  },

  async a_release_by_itself_and_its_changed_twin(t) {
    const text = readFileSync(release, "utf8");
    for (const [manifest, code] of [[text, "ACCEPT"], [text.replace('"svn":', '"svn":1'), "SIGNATURE"]]) {
      const page = await t.open("/verify");
      await drop(page, [file("release.json", manifest), file("release.json.minisig", readFileSync(signature))]);
      await page.getByLabel("Release key", { exact: true }).fill(env("TR_RELEASE_KEY"));
      await checkFiles(page);
      equal((await shown(page)).code, code);
    }
  },

  async a_receipt_with_its_bytes_and_without(t) {
    const { request, response, receipt } = await answer();
    const base = [...judgedBy, file("bundle.json", bundle()), file("receipt.json", receipt), file("request.json", request)];
    for (const [bytes, code] of [[response, "ACCEPT"], [Buffer.concat([response, Buffer.from(" ")]), "BODY"]]) {
      const page = await t.open("/verify");
      await drop(page, [...base, file("response.bin", bytes)]);
      await keys(page);
      await checkFiles(page);
      const result = page.locator("article.result").nth(1);
      await result.waitFor();
      equal(await result.getAttribute("data-code"), code);
    }
  },

  async damaged_files_get_the_verdict_of_the_program(t) {
    const whole = bundle();
    const damaged = { half: whole.subarray(0, whole.length / 2), bom: Buffer.concat([Buffer.from("\ufeff"), whole]), utf16: Buffer.from(whole.toString(), "utf16le"), empty: Buffer.from("{}") };
    for (const [name, bytes] of Object.entries(damaged)) {
      const page = await t.open("/verify");
      const at = path.join(dir, `${name}-bundle.json`);
      writeFileSync(at, bytes);
      await drop(page, [...judgedBy, ofDisk(at)]);
      await keys(page);
      await checkFiles(page);
      same(await shown(page), said("bundle", at, ...options));
    }
  },

  async a_log_is_read_whole_and_continues_what_was_kept(t) {
    const kept = path.join(dir, "checkpoint.kept");
    const program = JSON.parse(spawnSync(TR_VERIFY, ["log", CONSOLE, "--key", env("TR_LOG_KEY"), "--save", kept, "--json"], { encoding: "utf8" }).stdout);
    const page = await t.open("/verify");
    ok(await page.getByRole("button", { name: "Read the log whole" }).isDisabled(), "where, and under which key?");
    await page.getByLabel("Log key", { exact: true }).fill(env("TR_LOG_KEY"));
    await page.getByLabel("Log address", { exact: true }).fill(CONSOLE);
    await page.getByRole("button", { name: "Read the log whole" }).click();
    same(await shown(page), program);
    await page.getByText(program.root_hash).waitFor(); // the root
    await drop(page, [ofDisk(kept)]);
    await checkFiles(page);
    await page.getByText(`the remembered checkpoint of ${program.tree_size} entries`).waitFor();
    await page.route("**/tile/0/**", (r) => r.fulfill({ body: Buffer.alloc(32) }));
    await checkFiles(page);
    await page.locator("article.result[data-code=TILES]").waitFor();
  },

  async what_cannot_be_judged_is_explained(t) {
    const page = await t.open("/verify");
    ok(await page.getByRole("button", { name: "Check the files" }).isDisabled(), "nothing to judge");
    await drop(page, [ofDisk(POLICY)]);
    await page.getByText("None of these is something to judge").waitFor();
    await drop(page, [ofDisk(release), ofDisk(signature)]);
    await checkFiles(page);
    await page.getByText("counts only with the release key").waitFor(); // the key is asked for
  },

  async from_another_origin(t) {
    await elsewhere(async (at) => {
      const page = await t.open(at);
      await drop(page, judgedBy);
      await keys(page);
      await page.getByLabel("Gateway").fill(DATA_PLANE);
      await page.getByRole("button", { name: "Check the address" }).click();
      equal((await shown(page)).code, "ACCEPT");
      const others = t.requests.filter((r) => r.origin !== new URL(at).origin && !r.url.startsWith("data:") && !r.url.startsWith("blob:"));
      equal(others.map((r) => r.path.replace(/[0-9a-f]{64}/, "N")), ["/attestation?nonce=N&binding=none"], "what left the page");
    });
  },

  async from_a_disk(t) {
    const page = await t.open(`file://${VERIFIER}/index.html`);
    await drop(page, [...judgedBy, file("bundle.json", bundle())]);
    await keys(page);
    await checkFiles(page);
    equal((await shown(page)).code, "ACCEPT");
    await page.getByLabel("Gateway").fill(DATA_PLANE);
    await page.getByRole("button", { name: "Check the address" }).click();
    await until(async () => (await page.locator(".verdict-of").first().textContent()) === DATA_PLANE, "the address was asked");
    equal((await shown(page)).code, "ACCEPT");
  },

  async the_sums_are_those_of_the_files(t) {
    for (const line of readFileSync(path.join(VERIFIER, "SHA256SUMS"), "utf8").trim().split("\n")) {
      const [sum, name] = line.split("  ");
      equal(createHash("sha256").update(readFileSync(path.join(VERIFIER, name))).digest("hex"), sum, name);
      const page = await t.open("/verifier/");
      await page.getByRole("heading", { name: "Verifier" }).waitFor(); // the control plane serves it, too
    }
  },

  async trust_page_is_filled_from_what_is_live(t) {
    const page = await t.open("/trust");
    const program = said("gateway", DATA_PLANE, ...options);
    const manifest = JSON.parse(readFileSync(release, "utf8"));
    await page.locator("[data-verdict=accept]").waitFor();
    for (const text of [program.report.measurement, manifest.source.commit, env("TR_LOG_KEY"), env("TR_RELEASE_KEY"), DATA_PLANE])
      ok((await page.getByText(text).count()) > 0, text);
    await page.getByText("the log is sound").waitFor();
    const heads = await page.locator(".trust-part > h2").allTextContents();
    equal(heads.length, 12, "twelve parts");
    const points = readFileSync(path.join(ROOT, "docs/threat-model.md"), "utf8").split("## What is not protected")[1].match(/^- \*\*[^*]+/gm).map((p) => p.slice(4).replace(/\.$/, ""));
    equal(await page.locator("#gaps summary").allTextContents(), points, "what the threat model says is not protected");
    ok((await page.locator("#floors tbody tr").count()) > 20, "floors and weaknesses");
    ok((await page.locator("#releases tbody tr").count()) > 1, "entries");
    ok((await page.locator("#providers tbody tr").count()) > 0, "providers");
    ok((await page.locator("#measured tbody tr").count()) > 4, "the trust base");
    ok(!/impossible|zero trust|fully private|independently audited/i.test(await page.locator("main").innerText()), "no word that is not allowed");
  },

  async trust_page_says_when_the_evidence_fails(t) {
    const page = await t.open("/trust", { before: (p) => t.fail(p, `${DATA_PLANE}/attestation*`, 503) });
    await page.locator("[data-verdict=unreachable]").waitFor();
    await page.getByText("and got none: the gateway answered 503").waitFor(); // said
  },

  async the_verifier_at_every_size(t) {
    await everySize(t, "/verify", "verify", async (page) => {
      await page.getByRole("button", { name: "Check this service" }).click();
      await shown(page);
    });
  },

  async trust_page_at_every_size(t) {
    await everySize(t, "/trust", "trust", async (page) => {
      await page.locator("[data-verdict=accept]").waitFor();
      await page.getByText("the log is sound").waitFor();
      await page.locator("#providers tbody tr").first().waitFor();
    });
  },
});
