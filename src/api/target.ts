/** What a request line asks for, before any route is looked up. */

const PREFIX = /^\/v([\d.]+)(?=\/|$)/;
/** The one word after a name, where the name may have slashes of its own. */
const ACTIONS: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  images: {
    GET: /^(.+)\/(json|history|get)$/,
    HEAD: /^(.+)\/(json|history|get)$/,
    POST: /^(.+)\/(tag|push)$/,
    DELETE: /^(.+)()$/,
  },
  distribution: { GET: /^(.+)\/(json)$/ },
  networks: { GET: /^(.+)()$/, POST: /^(.+)\/(connect|disconnect)$/, DELETE: /^(.+)()$/ },
};

export interface Target {
  /** As written in the path, `1.41`; absent where the client asked for none. */
  readonly version?: string;
  /** Without the version; an image's or a network's name is one segment, its slashes `%2F`. */
  readonly url: string;
}

/** Split the version off and make a name one segment. */
export function parseTarget(method: string, url: string): Target {
  // Clients join a base that ends in a slash with a path that begins with one; Docker redirects them.
  const single = url.replace(/^\/+/, "/");
  const [prefix = "", version] = PREFIX.exec(single) ?? [];
  const rest = single.slice(prefix.length).replace(/^\/*/, "/");
  const target = joinName(method, rest);
  return version === undefined ? { url: target } : { version, url: target };
}

function joinName(method: string, url: string): string {
  const end = url.indexOf("?");
  const path = end < 0 ? url : url.slice(0, end);
  const [, kind = "", rest = ""] = /^\/(images|distribution|networks)\/(.+)$/.exec(path) ?? [];
  const [, name, action] = ACTIONS[kind]?.[method]?.exec(rest) ?? [];
  if (!name?.includes("/")) return url;
  const joined = `/${kind}/${name.replaceAll("/", "%2F")}${action ? `/${action}` : ""}`;
  return joined + url.slice(path.length);
}

const HIJACKED = /^(?:\/v[\d.]+)?\/(?:containers\/[^/?]+\/attach|exec\/[^/?]+\/start)(?:\?|$)/;
const ATTACH = /\/attach(?:\?|$)/;

const WEBSOCKET = /^(?:\/v[\d.]+)?\/containers\/[^/?]+\/attach\/ws(?:\?|$)/;

/** Requests after which the connection carries a process's streams (Docker's "hijacking"), or a websocket. */
export const takesConnection = (method: string, url: string): boolean =>
  (method === "POST" && HIJACKED.test(url)) || (method === "GET" && WEBSOCKET.test(url));

/** Of those, the ones whose body (if there is one) is itself standard input. */
export const bodyIsInput = (url: string): boolean => ATTACH.test(url);
