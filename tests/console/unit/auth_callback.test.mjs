// Where the page /auth sends its user: what is taken for a program's address, and that it comes back as it was sent.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

const { callbackOf, denied, granted } = await load("pages/auth_callback.ts");
const of = (callback, more = {}) => callbackOf(new URLSearchParams({ callback_url: callback, ...more }));

test("auth_callback_good", () => {
  for (const [url, host, loopback] of [
    ["https://app.example", "app.example", false], ["https://app.example:8443/a?b=c%20d", "app.example:8443", false],
    ["http://localhost:3000/cb", "localhost:3000", true], ["http://127.0.0.1:51234/", "127.0.0.1:51234", true],
    ["https://localhost/", "localhost", true], ["https://xn--bcher-kva.example/", "xn--bcher-kva.example", false],
  ]) {
    const asked = of(url);
    assert.deepEqual([asked?.callback, asked?.host, asked?.loopback], [url, host, loopback], url);
  }
});

test("auth_callback_bad", () => {
  for (const url of [
    "", "http://app.example/", "http://localhost.evil.example/", "http://127.0.0.1.evil.example/", "http://[::1]/", "javascript:alert(1)",
    "JAVASCRIPT:alert(1)", "data:text/html,x", "app://x", "https:app.example", "https://", "https:///x", "https://user@app.example/",
    "https://app.example@evil.example/", "https://app.example/#x", "//app.example/", "https://app.example/ x", "https://app.example\\@evil.example",
    "https://app.example:99999/", " https://app.example/", "https://app.example/\"", "https://app.example/<b>", `https://app.example/${"x".repeat(2048)}`,
    "http://localhost:3000@evil.example/", "https://app.example\n.evil.example/", "https://app.example/\u00e4", "https://-a/",
  ]) assert.equal(of(url), null, url);
  assert.equal(callbackOf(new URLSearchParams("callback_url=https://a.example&callback_url=https://b.example")), null);
  assert.equal(callbackOf(new URLSearchParams()), null);
});

test("auth_callback_comes_back_as_sent", () => {
  for (const [url, want] of [
    ["https://a.example", "https://a.example?code=x%2By"], ["https://a.example/", "https://a.example/?code=x%2By"],
    ["https://a.example/?s=a%20b", "https://a.example/?s=a%20b&code=x%2By"], ["https://a.example/?", "https://a.example/?code=x%2By"],
    ["https://A.example/%7e/../b", "https://A.example/%7e/../b?code=x%2By"],
  ]) {
    assert.equal(granted(url, "x+y"), want);
    assert.equal(denied(url), want.replace("code=x%2By", "error=access_denied"));
  }
});

test("auth_callback_what_is_asked_for", () => {
  const asked = of("https://a.example/", { code_challenge: "c", code_challenge_method: "S256", limit: "12.50", key_label: "x".repeat(200) });
  assert.deepEqual([asked.challenge, asked.method, asked.limit, asked.label.length], ["c", "S256", "12.50", 100]);
  for (const limit of ["-1", "1e9", "abc", "NaN", "1.2345678901", ""]) assert.equal(of("https://a.example/", { limit }).limit, "");
  assert.deepEqual([of("https://a.example/").challenge, of("https://a.example:1/").label], [null, "a.example"]);
});
