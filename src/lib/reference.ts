/**
 * Image references in Docker's grammar: `[domain/]path[:tag][@digest]`. Inside the engine a reference is
 * always whole (`docker.io/library/busybox:latest`); people write and read the familiar form
 * (`busybox:latest`).
 */
import { invalid } from "./errors.ts";

export interface Reference {
  /** `docker.io`, `example.org:5000`, `localhost`, `[::1]:5000`. */
  readonly domain: string;
  /** `library/busybox`, `team/app`. */
  readonly path: string;
  readonly tag?: string;
  /** `sha256:` and 64 hex digits. */
  readonly digest?: string;
}

const DEFAULT_DOMAIN = "docker.io";
const LEGACY_DOMAIN = "index.docker.io";
const OFFICIAL = "library/";
const DEFAULT_TAG = "latest";
const LONGEST_PATH = 255;

const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const DOMAIN = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const component = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const PATH = new RegExp(`^${component}(?:/${component})*$`);
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[a-f0-9]{64}$/;
const IDENTIFIER = /^[a-f0-9]{64}$/;

/** A first component is a registry if it can't be a namespace: it has a dot, a port or capitals, or is `localhost`. */
const isDomain = (first: string): boolean =>
  first === "localhost" || /[.:]/.test(first) || first !== first.toLowerCase();

function splitDomain(name: string): readonly [domain: string, rest: string] {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const [domain, rest] =
    slash >= 0 && isDomain(first) ? [first, name.slice(slash + 1)] : [DEFAULT_DOMAIN, name];
  if (domain !== DEFAULT_DOMAIN && domain !== LEGACY_DOMAIN) return [domain, rest];
  return [DEFAULT_DOMAIN, rest.includes("/") ? rest : OFFICIAL + rest];
}

/** The two halves of `text` at the first `mark`; the second is undefined where there is none. */
function cut(text: string, mark: string): readonly [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/**
 * What `text` names, its domain and `library/` filled in; a missing tag stays missing.
 * @throws invalid: `invalid reference format`, in Docker's words
 */
export function parseReference(text: string): Reference {
  if (IDENTIFIER.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const [domain, rest] = splitDomain(text);
  const [name] = cut(rest, ":");
  if (name !== name.toLowerCase()) {
    throw invalid(`invalid reference format: repository name (${name}) must be lowercase`);
  }
  const [tagged, digest] = cut(rest, "@");
  const [path, tag] = cut(tagged, ":");
  const whole =
    DOMAIN.test(domain) &&
    PATH.test(path) &&
    (tag === undefined || TAG.test(tag)) &&
    (digest === undefined || DIGEST.test(digest));
  if (!whole) throw invalid("invalid reference format");
  if (path.length > LONGEST_PATH) {
    throw invalid(
      `invalid reference format: repository name must not be more than ${LONGEST_PATH} characters`,
    );
  }
  return { domain, path, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** The same reference with `latest` for a tag, unless it has a tag or a digest. */
export const withDefaultTag = (reference: Reference): Reference =>
  reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: DEFAULT_TAG }
    : reference;

const suffix = ({ tag, digest }: Reference): string =>
  (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);

/** The whole form: `docker.io/library/busybox:latest`. Parsing it again gives the same reference. */
export const canonical = (reference: Reference): string =>
  `${reference.domain}/${reference.path}${suffix(reference)}`;

/** The form that people see: `busybox:latest`. Parsing it again gives the same reference. */
export function familiar(reference: Reference): string {
  return familiarName(reference) + suffix(reference);
}

function familiarName({ domain, path }: Reference): string {
  if (domain !== DEFAULT_DOMAIN) return `${domain}/${path}`;
  const official = path.startsWith(OFFICIAL) ? path.slice(OFFICIAL.length) : path;
  if (!official.includes("/")) return official;
  // docker.io/localhost/x is a namespace on docker.io; written `localhost/x` it would be a registry.
  const [first] = cut(path, "/");
  return isDomain(first) ? `${domain}/${path}` : path;
}
