/** Questions to an engine over its unix socket: GET, within a time. */
import type { IncomingMessage } from "node:http";
import { patience } from "../../lib/patience.ts";

// An ES import reads every export, and one of them (`WebSocket`) loads a whole fetch client: half of what a command
// takes to start.
const { request } = process.getBuiltinModule("node:http");

const OK = 200;
/** Bytes of an answer: ten thousand containers with all their labels. */
const LONGEST = 64 << 20;

/**
 * @param limit milliseconds, for all of the answer
 * @throws Error where nothing listens, it is not answered in time, the answer is a refusal, too long, or no JSON
 */
export async function askEngine(socketPath: string, path: string, limit: number): Promise<unknown> {
  const { body } = await get(socketPath, path, limit);
  try {
    return JSON.parse(body);
  } catch (thrown) {
    throw new Error(`GET ${path} is answered by what is no JSON`, { cause: thrown });
  }
}

/** Who is there, in the words of its own Server header. @throws as `askEngine` */
export async function greetEngine(socketPath: string, limit: number): Promise<string> {
  const { head } = await get(socketPath, "/_ping", limit);
  return [head.headers.server ?? ""].flat().join(" ");
}

interface Answer {
  readonly head: IncomingMessage;
  readonly body: string;
}

async function get(socketPath: string, path: string, limit: number): Promise<Answer> {
  // Namespaces are read meanwhile, each at a stretch.
  const waiting = patience(limit);
  try {
    return await exchange(socketPath, path, waiting.signal);
  } catch (thrown) {
    if (waiting.signal.aborted) throw new Error(`GET ${path} was not answered within ${limit} ms`);
    throw thrown;
  } finally {
    waiting.close();
  }
}

function exchange(socketPath: string, path: string, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, signal, agent: false }, (head) => {
      const parts: Buffer[] = [];
      let length = 0;
      head.on("data", (part: Buffer) => {
        length += part.length;
        if (length > LONGEST)
          head.destroy(new Error(`GET ${path} is answered by more than ${LONGEST} bytes`));
        else parts.push(part);
      });
      head.on("error", reject);
      head.on("end", () => {
        if (head.statusCode !== OK) reject(new Error(`GET ${path} is answered ${head.statusCode}`));
        else resolve({ head, body: Buffer.concat(parts).toString() });
      });
    });
    asked.on("error", reject);
    asked.end();
  });
}
