// oidc-provider as a strict authorization server, and an MCP server that takes its tokens.
//
// It prints where they are as one line of JSON, and ends when its standard input does. Whatever is
// judged here, libraries judge: PKCE, redirect URIs, registrations, resource indicators and refresh
// tokens (oidc-provider), access tokens (jose, the MCP SDK). Only two things are ours: the user,
// who signs in and approves without being asked, and the clock, which stands still until moved.
//
// `--path P` puts the issuer under a path, `--opaque` makes access tokens opaque instead of JWTs,
// `--token-seconds N` is their lifetime, `--scopes A,B` are the scopes that clients can register,
// `--documents` takes Client ID Metadata Documents.
//
// `POST /control/advance?seconds=N` moves the clock; `PUT /control/documents/URL` puts a document
// where the authorization server finds it; `GET /control/clients/ID` tells what happened to a
// client and its tokens.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { mock } from "node:test";
import { parseArgs } from "node:util";

import { Provider, errors, express } from "./packages.mjs";
import {
  buildProtectedServer,
  verifyByIntrospection,
  verifyJWTs,
} from "./protected_mcp_server.mjs";

const USER = "mara-at-the-provider";
const SCOPE = "notes";
const RESOURCE_SERVER = { client_id: "resource-server", client_secret: randomUUID() };

/** The web as the authorization server sees it: documents by URL. */
const documents = new Map();

const { values: flags } = parseArgs({
  options: {
    path: { type: "string", default: "" },
    documents: { type: "boolean", default: false },
    opaque: { type: "boolean", default: false },
    "token-seconds": { type: "string", default: "3600" },
    scopes: { type: "string", default: "offline_access" },
  },
});

async function main() {
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  process.stdin.on("end", () => process.exit()).resume();
  const [authorization, resource] = [await listen(), await listen()];
  const issuer = `${authorization.origin}${flags.path}`;
  const mcpUrl = `${resource.origin}/mcp`;
  const provider = buildProvider(issuer, mcpUrl);
  authorization.server.on("request", buildAuthorizationServer(provider));
  const verifyAccessToken = flags.opaque
    ? verifyByIntrospection({ introspect: (token) => introspect(issuer, token) })
    : verifyJWTs({ issuer, jwksUri: `${issuer}/jwks`, audience: mcpUrl });
  const app = buildProtectedServer({ mcpUrl, issuer, scope: SCOPE, verifyAccessToken });
  resource.server.on("request", app);
  const where = { issuer, mcp_url: mcpUrl, control: `${authorization.origin}/control` };
  console.log(JSON.stringify({ ...where, resource_server: RESOURCE_SERVER }));
}

/** A server on a free port of the loopback interface. */
async function listen() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

function buildProvider(issuer, mcpUrl) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return new Provider(issuer, {
    clients: [{ ...RESOURCE_SERVER, redirect_uris: [], response_types: [], grant_types: [] }],
    cookies: { keys: [randomUUID()] },
    features: {
      ...(flags.documents && {
        clientIdMetadataDocument: { enabled: true, ack: "draft-02" },
      }),
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: mayIntrospect },
      registration: { enabled: true },
      registrationManagement: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, indicator) => describeResource(indicator, mcpUrl),
      },
      revocation: { enabled: true },
    },
    fetch: async (url) => new Response(documents.get(String(url)), { status: 200 }),
    findAccount: (_, id) =>
      id === USER ? { accountId: id, claims: () => ({ sub: id }) } : undefined,
    interactions: { url: (_, interaction) => `${flags.path}/interaction/${interaction.uid}` },
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256" }] },
    pkce: { required: () => true },
    responseTypes: ["code"],
    rotateRefreshToken: true,
    scopes: flags.scopes.split(","),
  });
}

/** Only the MCP server may ask what a token is. */
function mayIntrospect(_, client) {
  return client.clientId === RESOURCE_SERVER.client_id;
}

function describeResource(indicator, mcpUrl) {
  if (indicator !== mcpUrl) throw new errors.InvalidTarget();
  return {
    scope: SCOPE,
    audience: mcpUrl,
    accessTokenFormat: flags.opaque ? "opaque" : "jwt",
    accessTokenTTL: Number(flags["token-seconds"]),
  };
}

function buildAuthorizationServer(provider) {
  const events = recordEvents(provider);
  const app = express();
  app.get(`${flags.path}/interaction/:uid`, (req, res) => interact(provider, req, res));
  app.post("/control/advance", (req, res) => {
    mock.timers.setTime(Date.now() + Number(req.query.seconds) * 1000);
    res.sendStatus(204);
  });
  app.put("/control/documents/:url", express.text({ type: () => true }), (req, res) => {
    documents.set(req.params.url, req.body);
    res.sendStatus(204);
  });
  app.get("/control/clients/:id", async (req, res) => {
    const client = await provider.Client.find(req.params.id);
    const own = events.filter((each) => each.client_id === req.params.id);
    res.json({ metadata: client?.metadata() ?? null, events: own });
  });
  app.use(flags.path || "/", provider.callback());
  return app;
}

/** What happens to clients and their tokens, in order, from now on. */
function recordEvents(provider) {
  const events = [];
  for (const event of ["saved", "consumed"]) {
    provider.on(`refresh_token.${event}`, (token) =>
      events.push({ event: `refresh_token.${event}`, client_id: token.clientId, token: token.jti }),
    );
  }
  provider.on("access_token.saved", (token) =>
    events.push({ event: "access_token.saved", client_id: token.clientId, token: token.jti }),
  );
  for (const event of ["grant.success", "grant.error", "grant.revoked"]) {
    provider.on(event, (ctx) => {
      const { client, params } = ctx.oidc;
      events.push({ event, client_id: client?.clientId, grant_type: params?.grant_type });
    });
  }
  return events;
}

/** The user's part: one redirect signs them in, a second one approves what is asked. */
async function interact(provider, req, res) {
  const { grantId, params, prompt, session } = await provider.interactionDetails(req, res);
  if (prompt.name === "login") {
    await provider.interactionFinished(req, res, { login: { accountId: USER } });
    return;
  }
  const known = grantId && (await provider.Grant.find(grantId));
  const grant =
    known || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(" "));
  for (const [indicator, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(indicator, scopes.join(" "));
  }
  const consent = { grantId: await grant.save() };
  await provider.interactionFinished(req, res, { consent });
}

async function introspect(issuer, token) {
  const { client_id: id, client_secret: secret } = RESOURCE_SERVER;
  const answer = await fetch(`${issuer}/token/introspection`, {
    method: "POST",
    headers: { Authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}` },
    body: new URLSearchParams({ token }),
  });
  return answer.json();
}

await main();
