/** One question to an engine over its unix socket: GET, JSON, within a time. */
import { request } from "node:http";

const OK = 200;

/**
 * @param patience milliseconds, for all of the answer
 * @throws Error where nothing listens, it is not answered in time, the answer is a refusal, or is no JSON
 */
export function askEngine(socketPath: string, path: string, patience: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const late = AbortSignal.timeout(patience);
    const asked = request({ socketPath, path, signal: late, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", fail);
      answer.on("end", () => {
        if (answer.statusCode !== OK) return fail(new Error(`GET ${path} is answered ${answer.statusCode}`));
        try {
          resolve(JSON.parse(Buffer.concat(parts).toString()));
        } catch (thrown) {
          fail(new Error(`GET ${path} is answered by what is no JSON`, { cause: thrown }));
        }
      });
    });
    const fail = (error: Error) =>
      reject(late.aborted ? new Error(`GET ${path} was not answered within ${patience} ms`) : error);
    asked.on("error", fail);
    asked.end();
  });
}
