// oidc-provider as the identity provider of people: its own sign-in and consent pages, for a browser.
//
// It prints its issuer, and ends when its standard input does. `--redirect-uri` is where our client
// may be sent back to. Whoever signs in as NAME, with any password, has the address
// NAME@example.com, verified. As oidc-provider does by default, it tells that in UserInfo only.
// Access tokens are good for eight seconds, and refresh tokens, for which `offline_access` must be
// asked, for one use.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

import { Provider } from "./packages.mjs";

const CLIENT = { client_id: "ciborium", client_secret: "idp-client-secret-for-tests" };

const { values: flags } = parseArgs({ options: { "redirect-uri": { type: "string" } } });

function buildProvider(issuer) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return new Provider(issuer, {
    claims: { email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
    clients: [
      {
        ...CLIENT,
        redirect_uris: [flags["redirect-uri"]],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
      },
    ],
    cookies: { keys: [randomUUID()] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, id) => ({ accountId: id, claims: () => describe(id) }),
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256" }] },
    pkce: { required: () => true },
    responseTypes: ["code"],
    rotateRefreshToken: true,
    ttl: { AccessToken: 8 },
  });
}

function describe(id) {
  const name = id[0].toUpperCase() + id.slice(1);
  return {
    sub: id,
    email: `${id}@example.com`,
    email_verified: true,
    name,
    preferred_username: id,
  };
}

process.stdin.on("end", () => process.exit()).resume();
const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
// By name, so that to browsers it is another site than the one that sends them here.
const issuer = `http://localhost:${server.address().port}`;
server.on("request", buildProvider(issuer).callback());
console.log(issuer);
