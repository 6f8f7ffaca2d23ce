/** A registry in the test's own process (OCI distribution spec, pulling alone) that fails in the ways it is told. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { imageConfig, sha256 } from "./registry-images.ts";

export const MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/** What becomes of a request, instead of what should. @returns whether it was dealt with */
export type Fault = (request: IncomingMessage, response: ServerResponse, bytes: Buffer) => boolean;

export interface Layer {
  readonly diffId: string;
  readonly digest: string;
  readonly bytes: Buffer;
}

/** A layer of these contents; a tar only as far as its digest is asked for. */
export function layerOf(contents: Buffer | string): Layer {
  const tar = Buffer.from(contents);
  const bytes = gzipSync(tar);
  return { diffId: sha256(tar), digest: sha256(bytes), bytes };
}

export interface TokenAuth {
  readonly username: string;
  readonly password: string;
}

export class FaultRegistry implements AsyncDisposable {
  readonly blobs = new Map<string, Buffer>();
  /** By `repository:tag` and `repository@digest`. */
  readonly manifests = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  /** By digest of a blob, or `repository:tag` of a manifest. */
  readonly faults = new Map<string, Fault>();
  /** `GET /v2/…`, all so far. */
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #auth: TokenAuth | undefined;

  private constructor(auth: TokenAuth | undefined) {
    this.#auth = auth;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(auth?: TokenAuth): Promise<FaultRegistry> {
    const registry = new FaultRegistry(auth);
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  /** `127.0.0.1:port`. */
  get domain(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @returns the manifest's digest */
  image(name: string, layers: readonly Layer[], config: object = {}): string {
    const bytes = imageConfig(
      layers.map(({ diffId }) => diffId),
      config,
    );
    this.blobs.set(sha256(bytes), bytes);
    for (const layer of layers) this.blobs.set(layer.digest, layer.bytes);
    const type = "application/vnd.docker.container.image.v1+json";
    return this.#manifest(name, MANIFEST, {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: type, digest: sha256(bytes), size: bytes.length },
      layers: layers.map(({ digest, bytes: { length: size } }) => ({ mediaType: LAYER, digest, size })),
    });
  }

  /** @param images by platform, `linux/arm/v7` */
  index(name: string, images: Readonly<Record<string, string>>): string {
    const repository = name.split(":", 1)[0] ?? name;
    const manifests = Object.entries(images).map(([platform, digest]) => {
      const [os, architecture, variant] = platform.split("/");
      const size = this.manifests.get(`${repository}@${digest}`)?.bytes.length ?? 0;
      return { mediaType: MANIFEST, digest, size, platform: { os, architecture, variant } };
    });
    return this.#manifest(name, INDEX, { schemaVersion: 2, mediaType: INDEX, manifests });
  }

  /** How often a blob was asked for. */
  asksFor(digest: string): number {
    return this.asked.filter((line) => line.startsWith("GET") && line.endsWith(digest)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #manifest(name: string, type: string, value: object): string {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = sha256(bytes);
    this.manifests.set(name, { type, bytes });
    this.manifests.set(`${name.split(":", 1)[0]}@${digest}`, { type, bytes });
    return digest;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://x");
    this.asked.push(`${request.method} ${url.pathname}`);
    if (url.pathname === "/token") this.#token(request, response);
    else if (this.#auth && request.headers.authorization !== "Bearer good") this.#challenge(response);
    else if (url.pathname === "/v2/") response.end("{}");
    else this.#content(url.pathname, request, response);
  }

  #content(path: string, request: IncomingMessage, response: ServerResponse): void {
    const [, repository = "", kind, reference = ""] =
      /^\/v2\/(.+)\/(manifests|blobs|tags)\/(.+)$/.exec(path) ?? [];
    if (kind === "tags") {
      const tags = [...this.manifests.keys()].flatMap((name) =>
        name.startsWith(`${repository}:`) ? [name.slice(repository.length + 1)] : [],
      );
      response.end(JSON.stringify({ name: repository, tags }));
      return;
    }
    const name = `${repository}${reference.includes(":") ? "@" : ":"}${reference}`;
    const found =
      kind === "blobs"
        ? { type: "application/octet-stream", bytes: this.blobs.get(reference) }
        : this.manifests.get(name);
    if (!found?.bytes) {
      refuse(response, 404, kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN");
      return;
    }
    if (this.faults.get(kind === "blobs" ? reference : name)?.(request, response, found.bytes)) return;
    response.setHeader("Content-Type", found.type);
    response.setHeader("Docker-Content-Digest", sha256(found.bytes));
    response.end(request.method === "HEAD" ? "" : found.bytes);
  }

  #challenge(response: ServerResponse): void {
    const realm = `http://${this.domain}/token`;
    response.setHeader("WWW-Authenticate", `Bearer realm="${realm}",service="test"`);
    refuse(response, 401, "UNAUTHORIZED");
  }

  #token(request: IncomingMessage, response: ServerResponse): void {
    const { username, password } = this.#auth ?? {};
    const basic = Buffer.from(`${username}:${password}`).toString("base64");
    if (request.headers.authorization !== `Basic ${basic}`) refuse(response, 401, "UNAUTHORIZED");
    else response.end(JSON.stringify({ token: "good", expires_in: 300 }));
  }
}

const WORDS: Readonly<Record<string, string>> = {
  UNAUTHORIZED: "authentication required",
  MANIFEST_UNKNOWN: "manifest unknown",
  BLOB_UNKNOWN: "blob unknown to registry",
  DENIED: "requested access to the resource is denied",
  TOOMANYREQUESTS: "You have reached your pull rate limit",
};

export function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code, message: WORDS[code] ?? code }] }));
}

/** So many times half of it, and then the connection is cut. */
export function truncated(times: number): Fault {
  let left = times;
  return (_request, response, bytes) => {
    if (left === 0) return false;
    left -= 1;
    response.writeHead(200, { "Content-Length": bytes.length });
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
    return true;
  };
}

/** The first half, and then nothing more until the client has gone. */
export function stuck(onStuck: () => void): Fault {
  return (_request, response, bytes) => {
    response.writeHead(200, { "Content-Length": bytes.length });
    response.write(bytes.subarray(0, bytes.length / 2), onStuck);
    return true;
  };
}
