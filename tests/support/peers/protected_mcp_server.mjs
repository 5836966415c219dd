// A small MCP server that takes the tokens of one authorization server, by RFC 9728 and RFC 8707.

import { express, jose, requireSDK } from "./packages.mjs";

const { McpServer } = requireSDK("server/mcp.js");
const { StreamableHTTPServerTransport } = requireSDK("server/streamableHttp.js");
const { InvalidTokenError } = requireSDK("server/auth/errors.js");
const { metadataHandler } = requireSDK("server/auth/handlers/metadata.js");
const { requireBearerAuth } = requireSDK("server/auth/middleware/bearerAuth.js");
const { getOAuthProtectedResourceMetadataUrl } = requireSDK("server/auth/router.js");

/** The MCP server as an Express app; `verifyAccessToken` is what makes it believe a token. */
export function buildProtectedServer({ mcpUrl, issuer, scope, verifyAccessToken }) {
  const app = express();
  const resourceMetadataUrl = getOAuthProtectedResourceMetadataUrl(new URL(mcpUrl));
  const metadata = {
    resource: mcpUrl,
    authorization_servers: [issuer],
    scopes_supported: [scope],
  };
  const auth = requireBearerAuth({
    verifier: { verifyAccessToken },
    requiredScopes: [scope],
    resourceMetadataUrl,
    expectedResource: mcpUrl,
  });
  app.use(new URL(resourceMetadataUrl).pathname, metadataHandler(metadata));
  app.post("/mcp", auth, express.json(), serve);
  return app;
}

/** Believe JWTs that the authorization server signed for this server (RFC 9068). */
export function verifyJWTs({ issuer, jwksUri, audience }) {
  const keys = jose.createRemoteJWKSet(new URL(jwksUri));
  return async (token) => {
    try {
      const options = { issuer, audience, typ: "at+jwt" };
      const { payload } = await jose.jwtVerify(token, keys, options);
      return describe(token, payload);
    } catch (problem) {
      if (!(problem instanceof jose.errors.JOSEError)) throw problem;
      throw new InvalidTokenError(problem.message);
    }
  };
}

/** Believe what the authorization server says of a token (RFC 7662). */
export function verifyByIntrospection({ introspect }) {
  return async (token) => {
    const answer = await introspect(token);
    if (!answer.active) throw new InvalidTokenError("The token is not active");
    return describe(token, answer);
  };
}

function describe(token, { aud, client_id: clientId, exp, scope, sub }) {
  const scopes = (scope ?? "").split(" ");
  return { token, clientId, scopes, expiresAt: exp, resource: new URL(aud), extra: { sub } };
}

/** One request, without a session. */
async function serve(req, res) {
  const server = new McpServer({ name: "protected-notes", version: "1" });
  const text = (value) => ({ content: [{ type: "text", text: value }] });
  server.registerTool("list_notes", {}, () => text("welcome"));
  server.registerTool("whoami", {}, ({ authInfo }) => text(authInfo.extra.sub));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  res.on("close", () => server.close());
  await server.connect(transport);
  await transport.handleRequest(req, res, req.body);
}
