/** An engine's API by canned answers, on a unix socket of its own, and the command run against it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** What is answered: JSON; or a status with a message; or what a function writes. */
export type Answer =
  | { readonly json: unknown }
  | { readonly status: number; readonly message?: string }
  | { readonly write: (response: ServerResponse, asked: Asked) => void }
  /** After `101`: the connection, and what followed the request. */
  | { readonly connection: (stream: Duplex, asked: Asked) => void; readonly type?: string };

export interface FakeEngine extends AsyncDisposable {
  readonly host: string;
  readonly directory: string;
  /** All requests so far, in order. */
  readonly asked: readonly Asked[];
}

const split = ({ method = "", url = "" }: IncomingMessage, body: string): Asked => {
  const { pathname, searchParams } = new URL(url, "http://engine");
  return { method, path: pathname.replace(/^\/v[\d.]+/, ""), query: searchParams, body };
};

/** In the request from Node 25 on; before, on the connection. */
async function bodyOf(request: IncomingMessage, socket: Duplex): Promise<string> {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) body += piece;
  const missing = Number(request.headers["content-length"] ?? 0) - Buffer.byteLength(body);
  while (missing > 0) {
    const piece: Buffer | null = socket.read(missing);
    if (piece) return body + piece.toString();
    await once(socket, "readable");
  }
  return body;
}

/** @param answers by `GET /containers/json` and the like; anything else is a 404 */
export async function fakeEngine(answers: Readonly<Record<string, Answer>>): Promise<FakeEngine> {
  const directory = mkdtempSync(join(tmpdir(), "drawbridge-cli-"));
  const asked: Asked[] = [];
  const find = (request: Asked): Answer => {
    asked.push(request);
    return answers[`${request.method} ${request.path}`] ?? { status: 404, message: "page not found" };
  };
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece) => {
      body += piece;
    });
    request.on("end", () => {
      const one = split(request, body);
      const answer = find(one);
      if ("write" in answer) return answer.write(response, one);
      if ("json" in answer)
        return void response.setHeader("Content-Type", "application/json").end(JSON.stringify(answer.json));
      if ("connection" in answer) return void response.writeHead(500).end("{}");
      response.writeHead(answer.status, { "Content-Type": "application/json" });
      response.end(answer.message === undefined ? "" : JSON.stringify({ message: answer.message }));
    });
  });
  server.on("upgrade", async (request, socket: Duplex, head: Buffer) => {
    socket.on("error", () => {});
    socket.unshift(head);
    const body = await bodyOf(request, socket);
    const one = split(request, body);
    const answer = find(one);
    if (!("connection" in answer)) {
      const { status, message } =
        "status" in answer ? answer : { status: 500, message: "no connection here" };
      const text = JSON.stringify({ message });
      socket.end(
        `HTTP/1.1 ${status} No\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
      );
      return;
    }
    const type = answer.type ?? "application/vnd.docker.multiplexed-stream";
    socket.write(
      `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${type}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
    );
    answer.connection(socket, one);
  });
  const path = join(directory, "drawbridge.sock");
  await new Promise<void>((resolve) => server.listen({ path, allowHalfOpen: true } as object, resolve));
  return {
    host: `unix://${path}`,
    directory,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true });
    },
  };
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const START = join(import.meta.dirname, "../../bin/start.js");

/** The command, with nothing of the caller's own settings. `input` is its standard input, ended after it. */
export function drawbridge(
  host: string,
  words: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", START, ...words], {
      env: {
        PATH: process.env.PATH ?? "",
        HOME: "/nonexistent",
        TZ: "UTC",
        DRAWBRIDGE_HOST: host,
        ...options.env,
      },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (piece) => {
      stdout += piece;
    });
    child.stderr.setEncoding("utf8").on("data", (piece) => {
      stderr += piece;
    });
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout, stderr }));
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
  });
}

/** Output as the API frames it. */
export function frame(stream: 1 | 2, text: string): Buffer {
  const data = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
}
