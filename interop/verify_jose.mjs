// Verifies an access token with npm's jose, as a customer's backend in JavaScript would.
//
// The token is read from standard input. Prints its claims as JSON and ends with 0, or prints
// {"error": CODE} and ends with 1: TOKEN_EXPIRED for a token that is past its life and otherwise
// right, TOKEN_INVALID for everything else.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createLocalJWKSet, createRemoteJWKSet, errors, importSPKI, jwtVerify } from "jose";

const CLOCK_TOLERANCE_SECONDS = 30;

const { values } = parseArgs({
  options: {
    jwks: { type: "string" }, // file or URL of the key set
    "pem-base64": { type: "string" }, // JWT_PUBLIC_KEY: the PEM in one line of base64
    issuer: { type: "string" },
    audience: { type: "string" },
    "app-id": { type: "string" },
  },
});
for (const name of ["issuer", "audience", "app-id"]) {
  if (!values[name]) throw new Error(`--${name} is required`);
}
if (!values.jwks === !values["pem-base64"]) {
  throw new Error("give one of --jwks and --pem-base64");
}

async function key() {
  if (values["pem-base64"]) {
    return importSPKI(Buffer.from(values["pem-base64"], "base64").toString("utf8"), "RS256");
  }
  return /^https?:\/\//.test(values.jwks)
    ? createRemoteJWKSet(new URL(values.jwks))
    : createLocalJWKSet(JSON.parse(readFileSync(values.jwks, "utf8")));
}

const resolved = await key();
const token = readFileSync(0, "utf8").trim();
try {
  const { payload } = await jwtVerify(token, resolved, {
    algorithms: ["RS256"],
    typ: "at+jwt",
    issuer: values.issuer,
    audience: values.audience,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    requiredClaims: ["exp", "iat", "sub"],
  });
  if (payload.app_id !== values["app-id"]) {
    throw new errors.JWTClaimValidationFailed("a token of another app", payload, "app_id");
  }
  console.log(JSON.stringify(payload));
} catch (error) {
  // A key set that cannot be had says nothing about the token.
  const aboutKeySet = ["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID"];
  if (!(error instanceof errors.JOSEError) || aboutKeySet.includes(error.code)) throw error;
  const code = error instanceof errors.JWTExpired ? "TOKEN_EXPIRED" : "TOKEN_INVALID";
  console.log(JSON.stringify({ error: code }));
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
