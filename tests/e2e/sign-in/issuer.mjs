/* Three providers of identities on 127.0.0.1, over TLS, for tests/e2e/oidc.py: oidc-provider (certified), an issuer that does
 * whatever it is told, and GitHub's part of OAuth. Arguments: key, certificate, the redirect addresses' origin, three ports.
 * POST /control (JSON) says who signs in next and how the odd ones behave. */
import { createHash, createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import Provider from 'oidc-provider'

const [keyFile, certFile, origin, realPort, oddPort, githubPort] = process.argv.slice(2)
const tls = { key: readFileSync(keyFile), cert: readFileSync(certFile) }
const redirect = (id) => `${origin}/v1/auth/oidc/${id}/callback`

const body = async (request) => {
  let text = ''
  for await (const part of request) text += part
  return text
}
const json = (response, status, value, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof value === 'string' ? value : JSON.stringify(value))
}

/* --- the certified one */

const pairs = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
}
const jwk = (key, kid, alg) => ({ ...key.export({ format: 'jwk' }), kid, alg, use: 'sig' })
const person = { sub: 'ada', email: 'ada@idp.example', email_verified: true, name: 'Ada Lovelace' }
let next = person

const realOrigin = `https://127.0.0.1:${realPort}`
const people = new Map()
const client = (id, alg, method) => ({
  client_id: id, client_secret: "client-secret:100%+/&", redirect_uris: [redirect(id)], response_types: ['code'],
  grant_types: ['authorization_code'], id_token_signed_response_alg: alg, token_endpoint_auth_method: method,
})
const provider = new Provider(realOrigin, {
  clients: [client('rs', 'RS256', 'client_secret_basic'), client('es', 'ES256', 'client_secret_basic'),
            client('ed', 'EdDSA', 'client_secret_basic')],
  jwks: { keys: Object.entries(pairs).map(([alg, pair]) => jwk(pair.privateKey, `real-${alg}`, alg)) },
  cookies: { keys: ['test'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => people.get(id) }),
})

const interact = async (request, response) => {
  const { prompt, params } = await provider.interactionDetails(request, response)
  if (prompt.name === 'login') {
    people.set(next.sub, next)
    await provider.interactionFinished(request, response, { login: { accountId: next.sub } })
    return
  }
  const grant = new provider.Grant({ accountId: next.sub, clientId: params.client_id })
  grant.addOIDCScope('openid email profile')
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
}
const real = provider.callback()

createServer(tls, async (request, response) => {
  if (request.url === '/control') {
    next = { ...person, ...JSON.parse(await body(request)) }
    json(response, 200, {})
  } else if (request.url.startsWith('/interaction/')) {
    interact(request, response).catch((e) => json(response, 500, { error: String(e) }))
  } else {
    real(request, response)
  }
}).listen(Number(realPort), '127.0.0.1')

/* --- the odd one: each member of `odd` is one thing that is wrong */

const oddOrigin = `https://127.0.0.1:${oddPort}`
const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
let odd = {}
let codes = new Map()
let counts = { jwks: 0, token: 0, userinfo: 0 }
let seen = {}

const signature = (alg, text) => {
  const key = odd.key === 'other' ? other.privateKey : odd.key === 'weak' ? weak.privateKey : pairs[alg]?.privateKey
  switch (alg) {
    case 'none': return ''
    case 'HS256': return createHmac('sha256', odd.secret === 'pem' ? pairs.RS256.publicKey.export({ type: 'spki', format: 'pem' })
                                                                    : JSON.stringify(jwk(pairs.RS256.publicKey, 'one', 'RS256')))
                    .update(text).digest('base64url')
    case 'RS256': return sign('sha256', Buffer.from(text), key).toString('base64url')
    case 'ES256': return sign('sha256', Buffer.from(text), { key, dsaEncoding: odd.der ? 'der' : 'ieee-p1363' }).toString('base64url')
    default: return sign(null, Buffer.from(text), key).toString('base64url')
  }
}

const token = (nonce) => {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: oddOrigin, sub: 'odd-1', aud: 'odd', exp: now + 300, iat: now, nonce, email: 'odd@idp.example',
                   email_verified: true, ...odd.claims }
  for (const name of odd.without ?? []) delete claims[name]
  for (const [name, s] of Object.entries(odd.at ?? {})) claims[name] = now + s
  const alg = odd.alg ?? 'RS256'
  const header = { alg, kid: odd.kid ?? `odd-${alg === 'HS256' || alg === 'none' ? 'RS256' : alg}`, ...odd.header }
  if (odd.kid === null) delete header.kid
  let text = JSON.stringify(claims)
  if (odd.twice) text = text.replace('{', `{${odd.twice},`)
  const signed = `${encode(header)}.${encode(text)}`
  const made = `${signed}.${signature(alg, signed)}`
  return odd.tamper ? `${encode(header)}.${encode({ ...claims, sub: 'somebody-else' })}.${made.split('.')[2]}` : made
}

const keys = () => {
  const list = Object.entries(pairs).map(([alg, pair]) => jwk(pair.publicKey, `odd-${alg}`, alg))
  if (odd.published) list.push(jwk(other.publicKey, 'other', 'RS256'))
  if (odd.key === 'weak') list.push(jwk(weak.publicKey, 'weak', 'RS256'))
  return { keys: odd.keys ?? list }
}

const discovery = () => ({
  issuer: oddOrigin, authorization_endpoint: `${oddOrigin}/authorize`, token_endpoint: `${oddOrigin}/token`,
  jwks_uri: `${oddOrigin}/jwks`, userinfo_endpoint: `${oddOrigin}/userinfo`, ...odd.discovery,
})

createServer(tls, async (request, response) => {
  const url = new URL(request.url, oddOrigin)
  const at = url.pathname
  if (at === '/control') {
    odd = JSON.parse(await body(request))
    json(response, 200, { ...counts, seen })
    counts = { jwks: 0, token: 0, userinfo: 0 }
    return
  }
  if (odd.slow === at) return /* nothing is ever said */
  if (odd.huge === at) {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.on('error', () => {})
    for (let i = 0; i < 64 && !response.destroyed; i++) response.write(`"${'x'.repeat(16384)}",`)
    response.end()
    return
  }
  if (odd.fails === at) return json(response, 500, { error: 'server_error' })
  if (odd.garbage === at) return json(response, 200, '{"issuer":')
  if (odd.redirects === at) return json(response, 302, {}, { location: `${oddOrigin}/elsewhere` })
  if (at === '/.well-known/openid-configuration') return json(response, 200, discovery())
  if (at === '/jwks') {
    counts.jwks++
    return json(response, 200, keys())
  }
  if (at === '/authorize') {
    const code = randomBytes(16).toString('hex')
    seen = Object.fromEntries(url.searchParams)
    codes.set(code, { nonce: url.searchParams.get('nonce'), challenge: url.searchParams.get('code_challenge') })
    const back = new URL(url.searchParams.get('redirect_uri'))
    back.searchParams.set('code', code)
    back.searchParams.set('state', url.searchParams.get('state'))
    for (const [name, value] of Object.entries(odd.back ?? {})) back.searchParams.set(name, value)
    return json(response, 302, {}, { location: back.href })
  }
  if (at === '/token') {
    const form = new URLSearchParams(await body(request))
    const known = codes.get(form.get('code'))
    counts.token++
    codes.delete(form.get('code'))
    if (!known || createHash('sha256').update(form.get('code_verifier')).digest('base64url') !== known.challenge)
      return json(response, 400, { error: 'invalid_grant' })
    return json(response, 200, { access_token: 'odd-access', token_type: 'Bearer', id_token: odd.token ?? token(odd.nonce ?? known.nonce) })
  }
  if (at === '/userinfo') {
    counts.userinfo++
    return json(response, 200, { sub: 'odd-1', email: 'odd@idp.example', email_verified: true, ...odd.userinfo })
  }
  json(response, 404, {})
}).listen(Number(oddPort), '127.0.0.1')

/* --- GitHub */

const githubOrigin = `https://127.0.0.1:${githubPort}`
let github = {}
const user = { id: 583231, login: 'octocat', name: 'The Octocat', email: 'shown@public.example' }
const emails = [{ email: 'old@github.example', primary: false, verified: true }, { email: 'octocat@github.example', primary: true, verified: true }]

createServer(tls, async (request, response) => {
  const url = new URL(request.url, githubOrigin)
  const authorized = request.headers.authorization === 'Bearer gho_test' && Boolean(request.headers['user-agent'])
  if (url.pathname === '/control') {
    github = JSON.parse(await body(request))
    return json(response, 200, {})
  }
  if (url.pathname === '/login/oauth/authorize') {
    const back = new URL(url.searchParams.get('redirect_uri'))
    if (github.denied) back.searchParams.set('error', 'access_denied')
    else back.searchParams.set('code', `gh-${url.searchParams.get('code_challenge')}`)
    back.searchParams.set('state', url.searchParams.get('state'))
    return json(response, 302, {}, { location: back.href })
  }
  if (url.pathname === '/login/oauth/access_token') {
    const form = new URLSearchParams(await body(request))
    const right = form.get('client_id') === 'gh' && form.get('client_secret') === "github-secret" && request.headers.accept === 'application/json' &&
      form.get('code') === `gh-${createHash('sha256').update(form.get('code_verifier')).digest('base64url')}`
    return json(response, 200, right && !github.refused ? { access_token: 'gho_test', token_type: 'bearer', scope: 'read:user,user:email' }
                                                        : { error: 'bad_verification_code' })
  }
  if (url.pathname === '/api/v3/user') return authorized ? json(response, 200, { ...user, ...github.user }) : json(response, 401, {})
  if (url.pathname === '/api/v3/user/emails') return authorized ? json(response, 200, github.emails ?? emails) : json(response, 401, {})
  json(response, 404, {})
}).listen(Number(githubPort), '127.0.0.1', () => process.stdout.write('ready\n'))
