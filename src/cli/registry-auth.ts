/** Who one is at a registry: Docker's own file, `config.json` in DOCKER_CONFIG or `~/.docker`. */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { codeOf, messageOf } from "../lib/errors.ts";
import { parseReference } from "../lib/reference.ts";

interface Login {
  /** Base64 of `user:password`. */
  readonly auth?: string;
  readonly identitytoken?: string;
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, Login>>;
}

export interface AuthConfig {
  readonly username: string;
  readonly password: string;
  readonly serveraddress: string;
  readonly identitytoken?: string;
}

const HUB = "https://index.docker.io/v1/";

export const configFile = (environment: NodeJS.ProcessEnv = process.env): string =>
  join(environment.DOCKER_CONFIG || join(homedir(), ".docker"), "config.json");

/** What a person types, or nothing, as the file's key: a host, or Docker Hub's address. */
export function serverKey(server: string | undefined): string {
  const host = (server ?? "").replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return ["", "docker.io", "index.docker.io", "registry-1.docker.io"].includes(host) ? HUB : host;
}

/** @throws Error for a file that is no JSON */
function read(file: string): DockerConfig {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as DockerConfig;
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return {};
    throw new Error(`${file}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** Its other members stay as they are. */
function write(file: string, config: DockerConfig): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(config, undefined, "\t")}\n`, { mode: 0o600 });
  chmodSync(fresh, 0o600);
  renameSync(fresh, file);
}

export function keepLogin(given: AuthConfig, token: string, file = configFile()): void {
  const config = read(file);
  const login: Login = token
    ? { auth: Buffer.from(`${given.username}:`).toString("base64"), identitytoken: token }
    : { auth: Buffer.from(`${given.username}:${given.password}`).toString("base64") };
  write(file, { ...config, auths: { ...config.auths, [given.serveraddress]: login } });
}

/** @returns whether there was one */
export function dropLogin(server: string, file = configFile()): boolean {
  const config = read(file);
  if (!config.auths || !(server in config.auths)) return false;
  const { [server]: _, ...auths } = config.auths;
  write(file, { ...config, auths });
  return true;
}

export function loginAt(server: string, file = configFile()): AuthConfig | undefined {
  const { auths = {} } = read(file);
  const key = Object.keys(auths).find((each) => serverKey(each) === server);
  const { auth, identitytoken } = auths[key ?? ""] ?? {};
  if (!auth) return undefined;
  const [username = "", ...password] = Buffer.from(auth, "base64").toString("utf8").split(":");
  return {
    username,
    password: password.join(":"),
    serveraddress: server,
    ...(identitytoken && { identitytoken }),
  };
}

/** The header that tells the engine who asks for `image`; none where nobody has logged in there. */
export function authHeaders(image: string, file = configFile()): Readonly<Record<string, string>> {
  const login = loginAt(serverKey(parseReference(image).domain), file);
  if (!login) return {};
  return { "X-Registry-Auth": Buffer.from(JSON.stringify(login)).toString("base64url") };
}
