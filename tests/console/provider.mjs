// The demo provider, told what its models do, for the tests of pages that ask models; and a playground with a key.
import { env, until } from "./lib.mjs";

const MOCK = process.env.TR_MOCK_URL;

async function side(method, path, body) {
  const a = await fetch(`${MOCK}${path}`, { method, body });
  if (!a.ok) throw new Error(`${method} ${path}: ${a.status}`);
  return a.text();
}

/** This is what the provider's model does until reset(). words: as tests/mock_provider/README.md has them. */
export const model = (name, words) => side("POST", `/mock/model/${name}`, words);
/** The model says this, whatever is asked. more: words that come first. */
export const says = (name, text, more = "") => model(name, `${more === "" ? "" : `${more},`}say=${text}`);
export const reset = () => side("POST", "/mock/reset", "");
/** The last body that this model of the provider was sent. */
export const lastBody = async (name) => JSON.parse(await side("GET", `/mock/model/${name}`));

/** The provider's name of demo/only-a, the model that one provider alone has. */
export const ONLY = "up-only";

export async function makeKey(more = {}) {
  const a = await fetch(`${env("TR_CONTROL_URL")}/v1/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${env("TR_MANAGEMENT_KEY")}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "console test", ...more }),
  });
  if (a.status !== 201 && a.status !== 200) throw new Error(`POST /keys: ${a.status} ${await a.text()}`);
  return (await a.json()).key;
}

/** A page of the app that asks models, with a key in its tab and one model chosen. */
export async function openWithKey(t, at, { key = env("TR_API_KEY"), models = ["demo/only-a"], ...options } = {}) {
  const before = async (page) => {
    await page.addInitScript(([k, m]) => {
      sessionStorage.setItem("playground-key", k);
      localStorage.setItem("playground-model", m[0]);
      if (localStorage.getItem("compare-models") === null) localStorage.setItem("compare-models", JSON.stringify(m));
    }, [key, models]);
    await options.before?.(page);
  };
  return t.open(at, { signedIn: true, ...options, before });
}

/** Types into the playground, sends, and waits until the answer is complete. */
export async function ask(page, text) {
  const answered = await page.locator(".turn.assistant:not([aria-busy])").count();
  await page.getByLabel("Your message").last().fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await until(async () => (await page.locator(".turn.assistant:not([aria-busy])").count()) > answered, "the answer is complete");
  return page.locator(".turn.assistant").last();
}
