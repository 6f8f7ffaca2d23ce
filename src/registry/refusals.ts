/** What skopeo tells of a registry, in the words that Docker's users and their scripts know. */
import { EngineError, internal, notFound } from "../lib/errors.ts";
import { familiar, type Reference } from "../lib/reference.ts";

/** The program ended with a failure, in its own words. */
export class SkopeoError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SkopeoError";
  }
}

/** The registry could not be spoken to: no such host, refused, no route, no answer. */
export class UnreachableError extends EngineError {
  constructor(message: string, cause: unknown) {
    super("internal", message, { cause });
    this.name = "UnreachableError";
  }
}

/** logrus's line: `time="…" level=fatal msg="…"`, its text as Go quotes it. */
const FATAL = /level=(?:fatal|error) msg=("(?:[^"\\]|\\.)*")/g;

/** Its last word, of all that it wrote to standard error. */
export function lastWord(stderr: string): string {
  const quoted = [...stderr.matchAll(FATAL)].at(-1)?.[1];
  if (quoted === undefined) return stderr.trim().split("\n").at(-1) ?? "";
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted.slice(1, -1); // Go has escapes that JSON has not
  }
}

/** From `mark` on; the whole text where it is not in there. */
const from = (text: string, mark: RegExp): string => text.slice(Math.max(text.search(mark), 0));

/** What goes without saying of an error (OCI distribution spec, "Error Codes"): skopeo leaves it out, Docker says it. */
const USUAL: Readonly<Record<string, string>> = {
  "manifest unknown": "manifest unknown",
  "name unknown": "repository name not known to registry",
  denied: "requested access to the resource is denied",
  unauthorized: "authentication required",
};

/** An error's code and its message, of those that are in `text`, a line each. */
function coded(text: string, code: string): string {
  const line = text.split("\n").find((each) => each.includes(code)) ?? "";
  const at = line.indexOf(`${code}: `);
  return at >= 0 ? line.slice(at) : `${code}: ${USUAL[code] ?? code}`;
}

const NETWORK =
  /connection refused|no such host|i\/o timeout|no route to host|network is unreachable|server misbehaving|Temporary failure in name resolution|TLS handshake timeout|context deadline exceeded/;

/** Worth another try: the transfer broke off, or the registry stumbled. */
export const isPassing = (thrown: unknown): boolean =>
  thrown instanceof SkopeoError &&
  /unexpected EOF|: EOF|connection reset|broken pipe|i\/o timeout|TLS handshake timeout|\b50[0234]\b|Internal Server Error|Bad Gateway|Service Unavailable/.test(
    thrown.message,
  );

/** What was asked of a registry. */
export interface Asked {
  readonly reference: Reference;
  readonly verb: "pull" | "push" | "login";
  /** Without credentials. */
  readonly anonymous: boolean;
}

/** What it stopped on, in Docker's words; what is not skopeo's is left as it is. */
export function refusal(thrown: unknown, { reference, verb, anonymous }: Asked): unknown {
  if (!(thrown instanceof SkopeoError)) return thrown;
  const text = thrown.message;
  const { tag: _, digest: __, ...repository } = reference;
  const name = familiar(repository);
  const because = (message: string) => notFound(message, thrown);
  if (NETWORK.test(text)) return new UnreachableError(from(text, /(?:Get|Head|Put|Post|Patch) "/), thrown);
  if (/manifest unknown/.test(text)) {
    return because(`manifest for ${familiar(reference)} not found: ${coded(text, "manifest unknown")}`);
  }
  if (/name unknown|invalid status code from registry 404/.test(text)) {
    return because(`repository ${name} not found: ${coded(text, "name unknown")}`);
  }
  if (/access to the resource is denied|\bdenied(:|$)/.test(text)) {
    const said = coded(text, "denied");
    if (verb === "push") return new EngineError("forbidden", said, { cause: thrown });
    return because(
      `pull access denied for ${name}, repository does not exist or may require 'docker login': ${said}`,
    );
  }
  if (/unauthorized|invalid username\/password|authentication required/.test(text)) {
    // A registry that gives tokens says so when it gives none; the others want a password.
    const wantsPassword = anonymous && verb !== "login" && !/auth token/.test(text);
    if (wantsPassword) return internal("no basic auth credentials", thrown);
    // As Docker does: to a pull that is refused with 401, its client answers by asking for a password.
    if (verb !== "login") return internal(coded(text, "unauthorized"), thrown);
    const said = `login attempt to ${reference.domain} failed with status: 401 Unauthorized`;
    return new EngineError("unauthorized", said, { cause: thrown });
  }
  if (/toomanyrequests/.test(text)) return internal(from(text, /toomanyrequests/), thrown);
  if (/does not match provided manifest digest/.test(text)) {
    return internal(`manifest verification failed for digest ${reference.digest}`, thrown);
  }
  const damaged = /Digest did not match, expected (sha256:[0-9a-f]+)/.exec(text)?.[1];
  if (damaged) return internal(`filesystem layer verification failed for digest ${damaged}`, thrown);
  return internal(text, thrown);
}
