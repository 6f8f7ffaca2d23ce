/** Where the API listens: unix sockets, and TCP under conditions. */
import { chmodSync, chownSync, lstatSync, readFileSync, statSync, unlinkSync } from "node:fs";
import { connect, type Server } from "node:net";
import { dirname } from "node:path";
import { codeOf, conflict, inContext, invalid } from "../lib/errors.ts";
import { contains, parsePrefix, tryParseAddress } from "../lib/ip.ts";

export interface UnixListener {
  readonly kind: "unix";
  readonly path: string;
  /** Who may connect besides root; `docker` where there is such a group. */
  readonly group?: string;
}

/** PEM texts. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Who may sign clients' certificates; present where clients are verified (`--tlsverify`). */
  readonly clientCA?: string;
}

export interface TcpListener {
  readonly kind: "tcp";
  /** An address, or `localhost`. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly tls?: TlsFiles;
}

export type Listener = UnixListener | TcpListener;

const LOOPBACKS = ["127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104"].map(parsePrefix);

/** `localhost`, or an address of this machine's loopback. */
export function isLoopback(host: string): boolean {
  const address = tryParseAddress(host);
  if (!address) return /^localhost\.?$/i.test(host);
  return LOOPBACKS.some((prefix) => contains(prefix, address));
}

/**
 * Whoever reaches the API is root on this machine, so TCP is for the loopback or for verified clients.
 * @throws invalid
 */
export function checkListener(listener: Listener): void {
  if (listener.kind === "unix") {
    // sun_path of sockaddr_un has 108 bytes with the closing zero (unix(7)).
    if (Buffer.byteLength(listener.path) > 107) throw invalid(`socket path too long: ${listener.path}`);
  } else if (!isLoopback(listener.host) && listener.tls?.clientCA === undefined) {
    throw invalid(
      `tcp://${listener.host}:${listener.port}: everybody who reaches it would be root here: ` +
        "give --tlsverify with --tlscacert, --tlscert and --tlskey, or listen on 127.0.0.1",
    );
  }
}

/** @throws conflict where somebody listens there already; EngineError with the cause otherwise */
export async function listen(server: Server, listener: Listener): Promise<void> {
  const name =
    listener.kind === "unix" ? `unix://${listener.path}` : `tcp://${listener.host}:${listener.port}`;
  try {
    if (listener.kind === "unix") await listenUnix(server, listener);
    else await listening(server, () => server.listen(listener.port, listener.host));
  } catch (thrown) {
    throw inContext(`listen on ${name}`, thrown);
  }
}

async function listenUnix(server: Server, { path, group }: UnixListener): Promise<void> {
  const owner = groupId(group ?? "docker");
  if (group !== undefined && owner === undefined) throw invalid(`there is no group ${group}`);
  statSync(dirname(path)); // bind's own error for a missing directory reaches us as EACCES
  await removeStale(path);
  await listening(server, () => {
    // The socket is made inside this call; with this mask nobody else can connect before its group is set.
    const umask = process.umask(0o177);
    try {
      server.listen(path);
    } finally {
      process.umask(umask);
    }
  });
  if (owner !== undefined) chownSync(path, process.getuid?.() ?? 0, owner);
  chmodSync(path, 0o660);
}

const listening = (server: Server, start: () => void): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.removeListener("error", reject);
      resolve();
    });
    start();
  });

/** A socket file that nobody listens on is what a killed engine left. */
async function removeStale(path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (!there) return;
  if (!there.isSocket()) throw conflict(`${path} is there and is no socket`);
  if (await answers(path)) throw conflict("another process listens there");
  unlinkSync(path);
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
      else reject(error);
    });
  });

/** The group's id from /etc/group (group(5): `name:password:gid:members`). */
function groupId(name: string): number | undefined {
  let text: string;
  try {
    text = readFileSync("/etc/group", "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  const line = text.split("\n").find((each) => each.startsWith(`${name}:`));
  const id = line?.split(":")[2];
  return id === undefined || !/^\d+$/.test(id) ? undefined : Number(id);
}
