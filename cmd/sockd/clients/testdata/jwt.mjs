// Tokens signed with a secret (HS256).
import { createHmac } from "node:crypto";

const part = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const now = () => Math.floor(Date.now() / 1000);

// token holds for an hour unless claims say otherwise.
export function token(claims, secret = process.env.SECRET, header = { alg: "HS256", typ: "JWT" }) {
  const signed = part(header) + "." + part({ exp: now() + 3600, ...claims });
  return signed + "." + createHmac("sha256", secret).update(signed).digest("base64url");
}

// past is a moment that no leeway reaches.
export const past = () => now() - 3600;
export const unsigned = (claims) => part({ alg: "none", typ: "JWT" }) + "." + part(claims) + ".";
