// The packages of tests/node, for programs that live outside its folder.
//
// Node looks for what a module imports beside that module, whatever NODE_PATH says. Each package is
// looked up from the one whose dependency it is, so that none is there by accident.

import { createRequire } from "node:module";

const require = createRequire(`${process.env.CIBORIUM_NODE_MODULES}/`);
const ofEverything = createRequire(
  require.resolve("@modelcontextprotocol/server-everything/package.json"),
);
const ofProvider = createRequire(require.resolve("oidc-provider"));

/** A module of the official MCP SDK. */
export const requireSDK = (path) => ofEverything(`@modelcontextprotocol/sdk/${path}`);
export const express = ofEverything("express");
export const jose = ofProvider("jose");
export const { Provider, errors } = require("oidc-provider");
