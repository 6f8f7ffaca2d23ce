/** Who asks a registry, as Docker's clients send it (Docker API, "Authentication"). */
import { invalid, messageOf } from "../lib/errors.ts";
import type { Credentials } from "../registry/types.ts";

const MEMBERS = {
  username: "username",
  password: "password",
  identitytoken: "identityToken",
  registrytoken: "registryToken",
  serveraddress: "serverAddress",
} as const;

/** An AuthConfig; members of other types than text are none. */
export function credentialsOf(given: unknown): Credentials {
  if (typeof given !== "object" || given === null) return {};
  const members: Readonly<Record<string, unknown>> = { ...given };
  return Object.fromEntries(
    Object.entries(MEMBERS).flatMap(([name, own]) => {
      const value = members[name];
      return typeof value === "string" && value !== "" ? [[own, value]] : [];
    }),
  );
}

/** X-Registry-Auth: base64url, padded or not, of an AuthConfig. @throws invalid */
export function decodeCredentials(header: string): Credentials {
  if (/[^A-Za-z0-9_=+/-]/.test(header)) {
    throw invalid("invalid X-Registry-Auth header: must be a valid base64url-encoded string");
  }
  try {
    return credentialsOf(JSON.parse(Buffer.from(header, "base64url").toString("utf8")));
  } catch (thrown) {
    throw invalid(`invalid X-Registry-Auth header: invalid JSON: ${messageOf(thrown)}`, thrown);
  }
}

/**
 * Of a request: none where there is no header, or one that can't be read. Docker's own clients send such, and
 * Docker asks the registry as nobody then.
 */
export function credentialsIn(headers: Readonly<Record<string, unknown>>): {
  readonly credentials?: Credentials;
} {
  const header = headers["x-registry-auth"];
  if (typeof header !== "string" || header === "") return {};
  try {
    const credentials = decodeCredentials(header);
    return Object.keys(credentials).length > 0 ? { credentials } : {};
  } catch {
    return {};
  }
}
