/** Docker's progress streams: a JSON object a line, which begins with the first there is to tell (JSONMessage). */
import type { FastifyReply, FastifyRequest } from "fastify";
import { messageOf } from "../lib/errors.ts";
import type { Progress } from "../registry/types.ts";
import { progressLine } from "./shapes/progress.ts";
import { gather, type StreamingAnswer, startStreaming } from "./streaming.ts";

/** Of a client that reads slowly: how far a layer has come is not told past this, only what becomes of it. */
const BACKLOG = 1 << 20;

/**
 * Answer with what `work` tells. Its failure is a status as long as nothing was told, and the last line after that.
 * @param work is given a signal that is aborted when the client has gone
 */
export async function answerWithProgress(
  request: FastifyRequest,
  reply: FastifyReply,
  closing: AbortSignal,
  work: (onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<unknown>,
): Promise<unknown> {
  const aborter = new AbortController();
  const abort = () => aborter.abort(new Error("the client has gone"));
  const { socket } = request.raw;
  // Who goes may be heard of by his half alone, as long as nothing is sent to him.
  for (const event of ["end", "close"]) socket.once(event, abort);
  if (socket.readableEnded || socket.destroyed) abort();
  closing.addEventListener("abort", abort, { once: true });
  let answer: StreamingAnswer | undefined;
  const write = (line: object) => {
    if (!answer) {
      answer = startStreaming(request, reply, "application/json", closing);
      answer.gone.addEventListener("abort", abort, { once: true });
    }
    gather(answer.response);
    void answer.write(`${JSON.stringify(line)}\r\n`);
  };
  try {
    await work((progress) => {
      if (progress.progressDetail?.current && (answer?.response.writableLength ?? 0) > BACKLOG) return;
      write(progressLine(progress));
    }, aborter.signal);
  } catch (thrown) {
    if (!answer) throw thrown;
    const message = messageOf(thrown);
    if (!aborter.signal.aborted) write({ errorDetail: { message }, error: message });
  } finally {
    for (const event of ["end", "close"]) socket.removeListener(event, abort);
    closing.removeEventListener("abort", abort);
  }
  if (!answer) return reply.type("application/json").send("");
  answer.end();
  return reply;
}
