/** Questions to an engine over its unix socket: GET, within a time. */
import type { IncomingMessage } from "node:http";

// An ES import reads every export, and one of them (`WebSocket`) loads a whole fetch client: half of what a command
// takes to start.
const { request } = process.getBuiltinModule("node:http");

const OK = 200;
/** Bytes of an answer: ten thousand containers with all their labels. */
const LONGEST = 64 << 20;

/**
 * @param patience milliseconds, for all of the answer
 * @throws Error where nothing listens, it is not answered in time, the answer is a refusal, too long, or no JSON
 */
export async function askEngine(socketPath: string, path: string, patience: number): Promise<unknown> {
  const { body } = await get(socketPath, path, patience);
  try {
    return JSON.parse(body);
  } catch (thrown) {
    throw new Error(`GET ${path} is answered by what is no JSON`, { cause: thrown });
  }
}

/** Who is there, in the words of its own Server header. @throws as `askEngine` */
export async function greetEngine(socketPath: string, patience: number): Promise<string> {
  const { head } = await get(socketPath, "/_ping", patience);
  return [head.headers.server ?? ""].flat().join(" ");
}

interface Answer {
  readonly head: IncomingMessage;
  readonly body: string;
}

function get(socketPath: string, path: string, patience: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const late = AbortSignal.timeout(patience);
    const fail = (error: Error) =>
      reject(late.aborted ? new Error(`GET ${path} was not answered within ${patience} ms`) : error);
    const asked = request({ socketPath, path, signal: late, agent: false }, (head) => {
      const parts: Buffer[] = [];
      let length = 0;
      head.on("data", (part: Buffer) => {
        length += part.length;
        if (length > LONGEST)
          head.destroy(new Error(`GET ${path} is answered by more than ${LONGEST} bytes`));
        else parts.push(part);
      });
      head.on("error", fail);
      head.on("end", () => {
        if (head.statusCode !== OK) fail(new Error(`GET ${path} is answered ${head.statusCode}`));
        else resolve({ head, body: Buffer.concat(parts).toString() });
      });
    });
    asked.on("error", fail);
    asked.end();
  });
}
