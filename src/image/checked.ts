import { createHash } from "node:crypto";

/** The same bytes, and at their end what `judge` says of their digest and number: an error is thrown. */
export async function* checked(
  source: AsyncIterable<Buffer>,
  judge: (digest: string, size: number) => Error | undefined,
): AsyncGenerator<Buffer> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    size += chunk.length;
    yield chunk;
  }
  const error = judge(`sha256:${hash.digest("hex")}`, size);
  if (error) throw error;
}
