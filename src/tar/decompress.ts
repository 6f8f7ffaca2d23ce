/** Which compression an archive came in is told by its first bytes, never by a name. */
import { spawn } from "node:child_process";
import { PassThrough, pipeline, type Readable, type Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { asError, codeOf, EngineError, invalid } from "../lib/errors.ts";

type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2";

const MAGIC: readonly { readonly compression: Compression; readonly bytes: Buffer }[] = [
  { compression: "gzip", bytes: Buffer.from([0x1f, 0x8b]) }, // RFC 1952
  { compression: "zstd", bytes: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) }, // RFC 8878
  { compression: "xz", bytes: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
  { compression: "bzip2", bytes: Buffer.from("BZh") },
];
const LONGEST_MAGIC = 6;

/** Programs for what Node does not read, and the packages that have them. */
const PROGRAM = {
  xz: { command: "xz", package: "xz-utils" },
  bzip2: { command: "bzip2", package: "bzip2" },
} as const;

function compressionOf(head: Buffer): Compression {
  return MAGIC.find(({ bytes }) => head.subarray(0, bytes.length).equals(bytes))?.compression ?? "none";
}

/**
 * The archive itself, out of whatever it is wrapped in. Errors of `source` and damage to the wrapping come
 * out as errors of the stream.
 */
export async function decompress(source: AsyncIterable<Buffer>): Promise<AsyncIterable<Buffer>> {
  const chunks = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < LONGEST_MAGIC) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  if (head.length === 0) throw invalid("the archive is empty");
  const whole = joined(head, chunks);
  const compression = compressionOf(head);
  return compression === "none" ? whole : told(compression, unwrap(compression, whole));
}

async function* joined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield head;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

function unwrap(compression: Exclude<Compression, "none">, source: AsyncIterable<Buffer>): Readable {
  if (compression === "xz" || compression === "bzip2") return throughProgram(compression, source);
  const transform: Transform = compression === "gzip" ? createGunzip() : createZstdDecompress();
  // The transform is destroyed with the error; its reader hears of it.
  pipeline(source, transform, () => {});
  return transform;
}

function throughProgram(compression: keyof typeof PROGRAM, source: AsyncIterable<Buffer>): Readable {
  const { command, package: name } = PROGRAM[compression];
  const output = new PassThrough();
  const child = spawn(command, ["-dc"], { stdio: "pipe" });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(0, 1000);
  });
  child.on("error", (error) => {
    const missing = codeOf(error) === "ENOENT";
    output.destroy(
      missing
        ? invalid(`the archive is compressed with ${compression}: apt-get install ${name}`, error)
        : error,
    );
  });
  child.on("close", (code, signal) => {
    if (code === 0) output.end();
    else output.destroy(invalid(`${command} ended with ${signal ?? code}: ${complaint.trim()}`));
  });
  pipeline(source, child.stdin, (error) => {
    // EPIPE: the program has ended before its input, and says itself why.
    if (error && codeOf(error) !== "EPIPE") output.destroy(asError(error));
  });
  child.stdout.pipe(output, { end: false });
  output.on("close", () => child.kill("SIGKILL"));
  return output;
}

async function* told(compression: Compression, stream: Readable): AsyncGenerator<Buffer> {
  try {
    yield* stream;
  } catch (thrown) {
    if (thrown instanceof EngineError || !isDamage(thrown)) throw thrown;
    throw invalid(`the archive is not whole ${compression}: ${asError(thrown).message}`, thrown);
  }
}

/** Whether zlib or zstd complained, rather than the source of the bytes. */
const isDamage = (thrown: unknown): boolean => /^(Z_|ZSTD_)/.test(codeOf(thrown) ?? "");
