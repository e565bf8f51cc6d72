// Where a page may lead to when its own address says where: pages of this site, and nothing else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

globalThis.location = new URL("https://console.example/login");
const { ownPath } = await load("core/router.ts");
const otherwise = "/app";

test("router_own_paths", () => {
  for (const path of ["/", "/app", "/app/keys?a=b&c=//d", "/models/a%2Db", "/auth?callback_url=https%3A%2F%2Fx.example%2F", "/v1", "/apis/x"])
    assert.equal(ownPath(path, otherwise), path);
  assert.equal(ownPath("/app/./chat/../keys#x", otherwise), "/app/keys");
});

// What a browser makes of the address counts: "/.//host" has become "//host", which is another site.
test("router_other_sites", () => {
  for (const path of [
    null, "", "app", "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example/", "javascript:alert(1)", "/.//evil.example",
    "/x/..//evil.example", "/x/%2e%2E//evil.example", "/.\\/evil.example", "/./\\evil.example", "/a//b", "/\t/evil.example", "/\n//", "/\t/", "/a b",
  ])
    assert.equal(ownPath(path, otherwise), otherwise, path);
});

// Some answers of the API do something when a browser opens them: the way to a provider of identities does.
test("router_no_path_of_the_api", () => {
  for (const path of ["/v1/auth/oidc/x", "/api/v1/key", "/app/../v1/x", "/./v1/x", "/%2e/v1/x"]) assert.equal(ownPath(path, otherwise), otherwise, path);
});
