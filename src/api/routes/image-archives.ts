import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Engine } from "../../engine/types.ts";
import type { Loaded, OnLayer } from "../../image/types.ts";
import { invalid, messageOf } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { decodePlatform, formatPlatform } from "../platform.ts";
import { flag } from "../query.ts";
import { minorOf } from "../request.ts";
import { path, type Query, query } from "../schema.ts";
import { startStreaming } from "../streaming.ts";
import type { Minor } from "../version.ts";

interface ByName {
  readonly name: string;
}

type Many = string | readonly string[];
type LoadQuery = Query<"quiet"> & { readonly platform?: Many };

/** How much of a layer is read between two lines that tell of it. */
const STEP = 512 << 10;

/** `docker save` and `docker load`. */
export function imageArchiveRoutes(app: FastifyInstance, { engine, closing }: Context): void {
  // A body here is an archive: it is read as it comes.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));

  app.get<{ Querystring: { readonly names?: Many; readonly platform?: Many } }>(
    "/images/get",
    { schema: { querystring: query([], ["names", "platform"]) } },
    async (request, reply) => {
      const { names = [], platform } = request.query;
      return save(engine, reply, [names].flat(), onlyPlatform(platform, minorOf(request)));
    },
  );

  app.get<{ Params: ByName; Querystring: { readonly platform?: Many } }>(
    "/images/:name/get",
    { schema: { params: path("name"), querystring: query([], ["platform"]) } },
    async (request, reply) => {
      const platform = onlyPlatform(request.query.platform, minorOf(request));
      return save(engine, reply, [request.params.name], platform);
    },
  );

  app.post<{ Querystring: LoadQuery; Body: unknown }>(
    "/images/load",
    { schema: { querystring: query(["quiet"], ["platform"]) } },
    async (request, reply) => {
      const { quiet, platform } = request.query;
      const { body } = request;
      const options = onlyPlatform(platform, minorOf(request));
      // Docker's head goes out before the archive is looked at: what is wrong with it is said in the stream.
      const answer = startStreaming(request, reply, "application/json", closing);
      const write = (line: object) => answer.write(`${JSON.stringify(line)}\r\n`);
      const silent = quiet === undefined || flag(quiet);
      try {
        const loaded = await engine.images.load(body instanceof Readable ? body : Readable.from([]), {
          ...options,
          ...(!silent && { onLayer: telling((line) => void write(line)) }),
        });
        for (const stream of linesOf(loaded)) await write({ stream });
      } catch (thrown) {
        const message = messageOf(thrown);
        await write({ errorDetail: { message }, error: message });
      }
      answer.end();
      return reply;
    },
  );
}

async function save(
  { images }: Engine,
  reply: FastifyReply,
  names: readonly string[],
  options: { readonly platform?: string },
): Promise<FastifyReply> {
  return reply.type("application/x-tar").send(await images.save(names, options));
}

/** @throws invalid */
function onlyPlatform(given: Many | undefined, minor: Minor): { readonly platform?: string } {
  if (minor < 48 || given === undefined) return {};
  const [platform, ...more] = [given].flat();
  if (more.length > 0) throw invalid("multiple platform parameters not supported");
  return platform ? { platform: formatPlatform(decodePlatform(platform)) } : {};
}

/** Layers as they are read, in steps; those that are here already are not told. */
function telling(write: (line: object) => void): OnLayer {
  let told = 0;
  return (diffId, step, current, total) => {
    if (step === "exists") return;
    if (step === "extracting" && current > told && current - told < STEP) return;
    told = step === "complete" ? 0 : current;
    write({
      status: "Loading layer",
      progressDetail: { current, ...(total !== undefined && { total }) },
      id: diffId.slice("sha256:".length, "sha256:".length + 12),
    });
  };
}

/** In Docker's words: names, or the ids where the last image has none. */
function linesOf(loaded: readonly Loaded[]): string[] {
  const lines = loaded.flatMap(({ references, replaced }) =>
    references.flatMap((reference) => [
      ...replaced
        .filter((each) => each.reference === reference)
        .map(
          ({ image }) =>
            `The image ${reference} already exists, renaming the old one with ID ${image} to empty string\n`,
        ),
      `Loaded image: ${reference}\n`,
    ]),
  );
  const unnamed = loaded.filter(({ references }) => references.length === 0);
  return [...lines, ...unnamed.map(({ image }) => `Loaded image ID: ${image.id}\n`)];
}
