// verify.mjs: read claims of tokens as JSON, a list; verify each by jose, from discovery; print a list of what is wrong with
// each, "" if nothing is.
import { createRemoteJWKSet, jwtVerify } from "jose";
import { readFileSync } from "node:fs";

async function get(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
}

async function verify({ issuer, audience, token, at }) {
  const discovery = await get(`${issuer}/.well-known/openid-configuration`);
  if (discovery.issuer !== issuer) throw new Error(`the issuer is ${discovery.issuer}`);
  await jwtVerify(token, createRemoteJWKSet(new URL(discovery.jwks_uri)), {
    issuer,
    audience,
    algorithms: discovery.id_token_signing_alg_values_supported,
    currentDate: new Date(at),
    requiredClaims: ["sub", "exp", "iat", "jti"],
  });
}

const wrong = [];
for (const claim of JSON.parse(readFileSync(0))) {
  wrong.push(await verify(claim).then(() => "", (err) => `${err.code ?? err.name}: ${err.message}`));
}
console.log(JSON.stringify(wrong));
