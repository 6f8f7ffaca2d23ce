/** The Docker Engine API over a socket, on connections that stay open, as the CLI of a busy host has it. */
import { Agent, request } from "node:http";

export class ApiClient {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** @returns the answer's text. @throws Error with it, for any status of 400 or more */
  call(method: string, path: string, body?: object | Uint8Array): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const tar = body instanceof Uint8Array;
    const payload = body === undefined ? undefined : tar ? body : JSON.stringify(body);
    const headers = { "content-type": tar ? "application/x-tar" : "application/json" };
    const options = { socketPath: this.#socketPath, agent: this.#agent, method, path: `/v1.41${path}` };
    const outgoing = request({ ...options, ...(body && { headers }) }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.once("error", reject);
      response.once("end", () => {
        const { statusCode = 0 } = response;
        if (statusCode < 400) resolve(text);
        else reject(new Error(`${method} ${path}: ${statusCode}: ${text}`));
      });
    });
    outgoing.once("error", reject);
    outgoing.end(payload);
    return promise;
  }

  /** A container of `image`, created. @returns its id */
  async create(image: string, command: readonly string[]): Promise<string> {
    const { Id } = JSON.parse(await this.call("POST", "/containers/create", { Image: image, Cmd: command }));
    return Id;
  }

  close(): void {
    this.#agent.destroy();
  }
}
