// A program whose user signs in with their own account: a server on loopback that uses OpenRouter's unmodified SDK for all of
// it. /start sends the browser to the service, /callback gets the code, fetches the key and asks a model with it.
//   oauth_app.mjs CLIENTS CONTROL_URL INFERENCE_URL     prints the port
import { createServer } from "node:http";
import { createRequire } from "node:module";

const [clients, control, inference] = process.argv.slice(2);
const { OpenRouter } = createRequire(`${clients}/package.json`)("@openrouter/sdk");
const router = new OpenRouter({ apiKey: "", serverURL: `${control}/api/v1` });
let verifier;

async function start(port, limit) {
  const challenge = await router.oAuth.createSHA256CodeChallenge();
  verifier = challenge.codeVerifier;
  return router.oAuth.createAuthorizationUrl({
    callbackUrl: `http://localhost:${port}/callback?state=a%20b`, codeChallenge: challenge.codeChallenge, codeChallengeMethod: "S256",
    ...(limit === null ? {} : { limit: Number(limit) }),
  });
}

async function finish(code) {
  const got = await router.oAuth.exchangeAuthCodeForAPIKey({ requestBody: { code, codeVerifier: verifier, codeChallengeMethod: "S256" } });
  const asked = await fetch(`${inference}/chat/completions`, {
    method: "POST", headers: { authorization: `Bearer ${got.key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "demo/echo", messages: [{ role: "user", content: "hello" }], max_tokens: 5 }),
  });
  return { key: got.key, user: got.userId, status: asked.status };
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  try {
    if (url.pathname === "/start") {
      response.writeHead(302, { location: await start(server.address().port, url.searchParams.get("limit")) }).end();
      return;
    }
    const code = url.searchParams.get("code");
    const said = code === null ? {} : await finish(code);
    response.writeHead(200, { "content-type": "text/plain" }).end(JSON.stringify({ query: Object.fromEntries(url.searchParams), ...said }));
  } catch (error) {
    response.writeHead(500, { "content-type": "text/plain" }).end(JSON.stringify({ failed: String(error) }));
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
