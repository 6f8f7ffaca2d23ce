/** What an engine says, without the engine: its answers of one moment, given again for as long as it is asked. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { ApiResponse, EngineProcess } from "./engine-process.ts";

/** What whoever reads a topology asks for: `src/observe/engines/read.ts`. */
const ASKED = ["/_ping", "/version", "/networks", "/containers/json?all=true"];

export class FrozenEngine implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Asks the engine, kills it, and takes its place. */
  static async of(engine: EngineProcess): Promise<FrozenEngine> {
    const said = new Map<string, ApiResponse>();
    for (const path of ASKED) said.set(path, await engine.request("GET", path));
    const listed: readonly { Id: string }[] = JSON.parse(said.get("/containers/json?all=true")?.text ?? "[]");
    for (const { Id } of listed) {
      const path = `/containers/${Id}/json`;
      said.set(path, await engine.request("GET", path));
    }
    assert.ok([...said.values()].every(({ status }) => status === 200));
    const { socket } = engine;
    await engine.kill9();
    rmSync(socket, { force: true });
    const server = createServer((request, response) => {
      const known = said.get(request.url ?? "");
      const type = known?.headers["content-type"];
      response.writeHead(known ? 200 : 404, {
        server: "Drawbridge (linux)",
        ...(typeof type === "string" && { "content-type": type }),
      });
      response.end(known?.text ?? '{"message":"frozen"}');
    });
    server.listen(socket);
    await once(server, "listening");
    return new FrozenEngine(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}
