/** What a request line asks for, before any route is looked up. */

const PREFIX = /^\/v([\d.]+)(?=\/|$)/;
/** The one word after an image's name, where the name may have slashes of its own. */
const IMAGE_ACTIONS: Readonly<Record<string, RegExp>> = {
  GET: /^(.+)\/(json|history|get)$/,
  HEAD: /^(.+)\/(json|history|get)$/,
  POST: /^(.+)\/(tag|push)$/,
  DELETE: /^(.+)()$/,
};

export interface Target {
  /** As written in the path, `1.41`; absent where the client asked for none. */
  readonly version?: string;
  /** Without the version; an image's name is one segment, its slashes `%2F`. */
  readonly url: string;
}

/** Split the version off and make an image's name one segment. */
export function parseTarget(method: string, url: string): Target {
  const [prefix, version] = PREFIX.exec(url) ?? [];
  const rest = prefix === undefined ? url : url.slice(prefix.length) || "/";
  const target = joinImageName(method, rest);
  return version === undefined ? { url: target } : { version, url: target };
}

function joinImageName(method: string, url: string): string {
  if (!url.startsWith("/images/")) return url;
  const end = url.indexOf("?");
  const path = end < 0 ? url : url.slice(0, end);
  const [, name, action] = IMAGE_ACTIONS[method]?.exec(path.slice("/images/".length)) ?? [];
  if (!name?.includes("/")) return url;
  const joined = `/images/${name.replaceAll("/", "%2F")}${action ? `/${action}` : ""}`;
  return joined + url.slice(path.length);
}

const HIJACKED = /^(?:\/v[\d.]+)?\/(?:containers\/[^/?]+\/attach|exec\/[^/?]+\/start)(?:\?|$)/;
const ATTACH = /\/attach(?:\?|$)/;

/** Requests after which the connection carries a process's streams (Docker's "hijacking"). */
export const takesConnection = (method: string, url: string): boolean =>
  method === "POST" && HIJACKED.test(url);

/** Of those, the ones whose body (if there is one) is itself standard input. */
export const bodyIsInput = (url: string): boolean => ATTACH.test(url);
