// A log that is read whole: logs of several sizes and their changed twins get the verdict that tr-verify log gives them, and a server
// that answers too much or too slowly is left.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { load, verify } from "./library.mjs";

const { ask, concat, leafHash, nodeHash, NO_INPUTS, judgeFiles, judgeLog, parseNoteKey, tilePath, verifyGateway, verifyLog } = await load(
  "verify/index.ts", "verify/ask.ts", "verify/files.ts", "verify/log.ts");
const dir = mkdtempSync(join(tmpdir(), "log."));
after(() => rmSync(dir, { recursive: true, force: true }));

const NAME = "log.example";
const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const keyBytes = Buffer.concat([Buffer.from([1]), Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url")]);
const keyId = createHash("sha256").update(NAME).update("\n").update(keyBytes).digest().subarray(0, 4);
const vkey = `${NAME}+${keyId.toString("hex")}+${keyBytes.toString("base64")}`;
const key = await parseNoteKey(vkey);

function checkpoint(size, root) {
  const text = `${NAME}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
  return `${text}\n\u2014 ${NAME} ${Buffer.concat([keyId, sign(null, Buffer.from(text), privateKey)]).toString("base64")}\n`;
}

async function rootOf(hashes) {
  if (hashes.length === 0) return createHash("sha256").digest();
  if (hashes.length === 1) return hashes[0];
  let left = 1;
  while (2 * left < hashes.length) left *= 2;
  return nodeHash(await rootOf(hashes.slice(0, left)), await rootOf(hashes.slice(left)));
}

/** The files of a log, by path. */
async function logOf(statements) {
  const files = new Map();
  let hashes = await Promise.all(statements.map(leafHash));
  files.set("checkpoint", Buffer.from(checkpoint(statements.length, await rootOf(hashes))));
  for (let at = 0; at < statements.length; at += 256) {
    const some = statements.slice(at, at + 256);
    files.set(tilePath("entries", BigInt(at / 256), some.length), Buffer.concat(some.map((s) => Buffer.concat([Buffer.from([s.length >> 8, s.length & 255]), s]))));
  }
  for (let level = 0; hashes.length > 0; level++) {
    for (let at = 0; at < hashes.length; at += 256) {
      const some = hashes.slice(at, at + 256);
      files.set(tilePath(level, BigInt(at / 256), some.length), Buffer.from(concat(...some)));
    }
    const full = Math.floor(hashes.length / 256);
    hashes = await Promise.all(Array.from({ length: full }, (_, i) => rootOf(hashes.slice(256 * i, 256 * i + 256))));
  }
  return files;
}

const statements = (n) => Array.from({ length: n }, (_, i) => Buffer.from(i % 7 === 6 ? `{"purpose":"tr.policy.v1","n":${i}}` : `entry ${i}`));
const boot = Buffer.from(`{"purpose":"tr.boot.v1","measurement":"${"11".repeat(48)}","release":{"leaf":"${"22".repeat(32)}"},"simulated":true}`);

const served = (files) => async (url) => {
  const found = files.get(url.replace("https://log.example/", ""));
  return found === undefined ? new Response("", { status: 404 }) : new Response(found);
};

let n = 0;
async function alike(what, files, kept = null) {
  const at = join(dir, String(n++));
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(at, path)), { recursive: true });
    writeFileSync(join(at, path), bytes);
  }
  if (!existsSync(at)) mkdirSync(at);
  const from = kept === null ? [] : ["--from", join(dir, `kept.${n}`)];
  if (kept !== null) writeFileSync(from[1], kept);
  const program = verify("log", at, "--key", vkey, ...from);
  const got = await verifyLog("https://log.example", served(files), key, kept === null ? null : new Uint8Array(Buffer.from(kept)));
  const says = (v) => `${v.verdict} ${v.code} ${v.checks.map((c) => `${c.code}:${c.ok}:${c.detail}`).join(" ")}`;
  assert.equal(says(got), says(program), what);
  return got;
}

test("log_of_several_sizes_is_accepted", async () => {
  for (const size of [1, 2, 256, 257, 520]) {
    const files = await logOf(statements(size));
    assert.equal((await alike(`${size} entries`, files)).code, "ACCEPT");
    const older = await logOf(statements(Math.ceil(size / 2)));
    assert.equal((await alike("continues", files, older.get("checkpoint"))).continues, BigInt(Math.ceil(size / 2)));
  }
});

test("log_changed_twins_are_refused", async () => {
  const files = await logOf(statements(260));
  const codes = new Set();
  const twin = async (what, change, kept = null) => {
    const changed = new Map([...files].map(([path, bytes]) => [path, Buffer.from(bytes)]));
    change(changed);
    codes.add((await alike(what, changed, kept)).code);
  };
  for (const path of files.keys()) {
    await twin(`without ${path}`, (f) => f.delete(path));
    await twin(`${path} a byte short`, (f) => f.set(path, f.get(path).subarray(0, -1)));
    await twin(`${path} a byte longer`, (f) => f.set(path, Buffer.concat([f.get(path), Buffer.from("x")])));
    for (let i = 0; i < 4; i++) await twin(`${path} changed at ${i}`, (f) => (f.get(path)[Math.floor((f.get(path).length * (2 * i + 1)) / 8)] ^= 1));
  }
  const other = await logOf([Buffer.from("another"), ...statements(259)]);
  await twin("another history", () => {}, other.get("checkpoint"));
  await twin("fewer than before", () => {}, (await logOf(statements(261))).get("checkpoint"));
  await twin("remembered: no checkpoint", () => {}, "x");
  await twin("remembered: of another key", () => {}, files.get("checkpoint").toString().replace(/ [A-Za-z0-9+/=]+\n$/, ` ${Buffer.alloc(68).toString("base64")}\n`));
  assert.equal((await alike("a boot of nothing", await logOf([...statements(5), boot]))).code, "UNRELEASED");
  assert.deepEqual([...codes].sort(), ["CHECKPOINT", "ENTRIES", "FORK", "REWIND", "ROOT", "SIGNATURE", "TILES"]);
});

test("log_given_with_files_is_read", async () => {
  const files = await logOf(statements(3));
  const note = { name: "checkpoint", bytes: new Uint8Array(files.get("checkpoint")), kind: "checkpoint" };
  const inputs = { ...NO_INPUTS, logKey: vkey, logAddress: "https://log.example/" };
  const [judged] = await judgeFiles([note], inputs, served(files));
  assert.deepEqual([judged.of, judged.verdict.code, judged.verdict.continues], ["log", "ACCEPT", 3n]);
  assert.equal((await judgeLog([], inputs, served(files))).verdict.code, "ACCEPT");
  await assert.rejects(judgeFiles([note], NO_INPUTS, served(files)), /address/);
});

test("log_and_gateway_that_answer_without_end_are_left", async () => {
  let sent = 0;
  const endless = async (_, { signal }) => new Response(new ReadableStream({
    pull(c) {
      if (signal.aborted) return c.error(new Error("aborted"));
      sent += 65536;
      c.enqueue(new Uint8Array(65536));
    },
  }));
  const gateway = await verifyGateway("https://api.example", endless);
  assert.deepEqual([gateway.verdict, gateway.code, gateway.checks[0].detail], ["unreachable", "GATEWAY", "the answer is too long"]);
  assert.ok(sent < 1 << 20, `${sent} bytes were read`);
  assert.equal((await verifyLog("https://log.example", endless, key, null)).verdict, "unreachable");
  const silent = () => new Promise(() => {});
  await assert.rejects(ask(silent, "https://api.example", 10, {}, 30), /within 0.03 seconds/);
  const stuck = async () => new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(1)) }));
  await assert.rejects(ask(stuck, "https://api.example", 10, {}, 30), /within 0.03 seconds/);
});
