/** Answers that go on: their head goes out at once, and they end when either side does. */
import type { ServerResponse } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { drained } from "./carry.ts";

export interface StreamingAnswer {
  readonly response: ServerResponse;
  /** Aborted when the client has gone (or closed its half, as it does who goes), or the server closes. */
  readonly gone: AbortSignal;
  /** Resolves when the client's side can take more. */
  write(piece: string | Uint8Array): Promise<void>;
  end(piece?: string): void;
  /** Cut the connection: the client shall see that this was not all. */
  cut(): void;
}

/** Send status 200 and headers now. The reply is ours from here on: errors can't become statuses any more. */
export function startStreaming(
  request: FastifyRequest,
  reply: FastifyReply,
  contentType: string,
  closing: AbortSignal,
): StreamingAnswer {
  const response = reply.raw;
  const aborter = new AbortController();
  const abort = () => aborter.abort();
  const { socket } = request.raw;
  closing.addEventListener("abort", abort);
  socket.once("end", abort);
  response.once("close", () => {
    closing.removeEventListener("abort", abort);
    socket.removeListener("end", abort);
    abort();
  });
  response.once("error", abort);
  if (closing.aborted || socket.readableEnded || socket.destroyed) abort();
  reply.hijack();
  response.writeHead(200, { ...reply.getHeaders(), "Content-Type": contentType } as Record<string, string>);
  response.flushHeaders();
  return {
    response,
    gone: aborter.signal,
    async write(piece) {
      if (!response.destroyed && !response.write(piece)) await drained(response);
    },
    end: (piece) => void response.end(piece),
    cut: () => void socket.destroy(),
  };
}

/** Pieces written within one turn of the loop go out together. */
export function gather(response: ServerResponse): void {
  if (response.writableCorked > 0) return;
  response.cork();
  setImmediate(() => response.uncork());
}
