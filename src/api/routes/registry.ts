import type { FastifyInstance } from "fastify";
import { invalid } from "../../lib/errors.ts";
import { canonical, parseReference } from "../../lib/reference.ts";
import type { Context } from "../app.ts";
import { credentialsIn, credentialsOf } from "../credentials.ts";
import { answerWithProgress } from "../progress.ts";
import { object, path, type Query, query, text } from "../schema.ts";

interface ByName {
  readonly name: string;
}

const AUTH_CONFIG = object({
  username: text,
  password: text,
  email: text,
  serveraddress: text,
  identitytoken: text,
  registrytoken: text,
});

/** `docker push`, `docker login`, and what a registry has (`docker manifest inspect` asks the registry itself). */
export function registryRoutes(app: FastifyInstance, { engine, closing }: Context): void {
  const { registry } = engine;

  app.post<{ Params: ByName; Querystring: Query<"tag" | "platform"> }>(
    "/images/:name/push",
    { schema: { params: path("name"), querystring: query(["tag", "platform"]) } },
    (request, reply) => {
      const { tag, platform } = request.query;
      const reference = withTag(request.params.name, tag);
      return answerWithProgress(request, reply, closing, (onProgress, signal) =>
        registry.push(reference, {
          ...credentialsIn(request.headers),
          ...(platform && { platform }),
          onProgress,
          signal,
        }),
      );
    },
  );

  app.post<{ Body: unknown }>("/auth", { schema: { body: AUTH_CONFIG } }, async (request) => {
    const { status, identityToken } = await registry.login(credentialsOf(request.body));
    return { Status: status, IdentityToken: identityToken };
  });

  app.get<{ Params: ByName }>(
    "/distribution/:name/json",
    { schema: { params: path("name") } },
    async (request) => {
      const gone = new AbortController();
      const abort = () => gone.abort(new Error("the client has gone"));
      const { socket } = request.raw; // the request lets go of it when it is given up
      for (const event of ["end", "close"]) socket.once(event, abort);
      try {
        const { descriptor, platforms } = await registry.inspect(request.params.name, {
          ...credentialsIn(request.headers),
          signal: AbortSignal.any([gone.signal, closing]),
        });
        return { Descriptor: descriptor, Platforms: platforms };
      } finally {
        for (const event of ["end", "close"]) socket.removeListener(event, abort);
      }
    },
  );
}

/** A name with another tag, or a digest, instead of its own. @throws invalid */
export function withTag(name: string, tag: string | undefined): string {
  const { domain, path: repository, ...own } = parseReference(name);
  if (!tag) return canonical({ domain, path: repository, ...own });
  const text = `${canonical({ domain, path: repository })}${tag.includes(":") ? "@" : ":"}${tag}`;
  try {
    return canonical(parseReference(text));
  } catch (thrown) {
    throw tag.includes(":") ? thrown : invalid("invalid tag format", thrown);
  }
}
