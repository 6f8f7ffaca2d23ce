import { Readable } from "node:stream";
import fastify, { type FastifyInstance } from "fastify";
import type { Engine } from "../engine/types.ts";
import type { Logger } from "../lib/log.ts";
import { failureBody, failureOf, pageNotFound, schemaFailure, sendFailure } from "./errors.ts";
import { refuseBrowsers } from "./guard.ts";
import { parseBody } from "./json.ts";
import { ApiRequest, minorOf, rawOf } from "./request.ts";
import { keepRouteTable } from "./route-table.ts";
import { absentRoutes } from "./routes/absent.ts";
import { archiveRoutes } from "./routes/archive.ts";
import { buildRoutes } from "./routes/build.ts";
import { containerFileRoutes } from "./routes/container-files.ts";
import { containerLogRoutes } from "./routes/container-logs.ts";
import { containerResourceRoutes } from "./routes/container-resources.ts";
import { containerStreamRoutes } from "./routes/container-streams.ts";
import { containerRoutes } from "./routes/containers.ts";
import { eventRoutes } from "./routes/events.ts";
import { execRoutes } from "./routes/exec.ts";
import { imageArchiveRoutes } from "./routes/image-archives.ts";
import { imageCreateRoutes } from "./routes/image-create.ts";
import { imageRoutes } from "./routes/images.ts";
import { networkRoutes } from "./routes/networks.ts";
import { portRoutes } from "./routes/ports.ts";
import { registryRoutes } from "./routes/registry.ts";
import { systemRoutes } from "./routes/system.ts";
import { volumeRoutes } from "./routes/volumes.ts";
import type { Schema } from "./schema.ts";
import { firstOnes } from "./schema.ts";
import { parseTarget } from "./target.ts";
import { formatVersion, NEWEST } from "./version.ts";

/** What routes have at hand. */
export interface Context {
  readonly engine: Engine;
  readonly logger: Logger;
  /** Aborted when the server closes: streams end then. */
  readonly closing: AbortSignal;
}

const BODY_LIMIT = 4 << 20;

const COMMON_HEADERS = {
  "Api-Version": formatVersion(NEWEST),
  "Docker-Experimental": "false",
  Ostype: "linux",
  Server: "Drawbridge (linux)",
};

/** All routes, and what is the same for each of them. */
export function createApp(engine: Engine, options: Omit<Context, "engine">): FastifyInstance {
  const context: Context = { engine, ...options };
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    exposeHeadRoutes: false, // Docker answers HEAD where it says so
    routerOptions: { maxParamLength: 16 << 10 }, // as Node limits a request's head
    rewriteUrl: (raw) => {
      const target = parseTarget(raw.method ?? "", raw.url ?? "/");
      if (raw instanceof ApiRequest) raw.version = target.version;
      return target.url;
    },
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        allErrors: false,
        allowUnionTypes: true,
      },
    },
    schemaErrorFormatter: schemaFailure,
    frameworkErrors: (error, _request, reply) => {
      reply.hijack();
      sendFailure(reply.raw, failureOf(error), COMMON_HEADERS);
    },
  });
  keepRouteTable(app);
  handleFailures(app, options.logger);
  readBodies(app);
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers(COMMON_HEADERS);
    const { listener } = rawOf(request);
    if (listener?.kind === "tcp") refuseBrowsers(request.headers, { hostMustBeLoopback: !listener.tls });
    // Docker looks a page up before it looks at the version.
    if (!request.is404) minorOf(request);
    done();
  });
  app.addHook("preValidation", (request, _reply, done) => {
    firstOnes(request.query as Record<string, unknown>, request.routeOptions.schema?.querystring);
    done();
  });
  // Docker's clients compare the whole value: with a charset, they take an error's JSON for its message.
  app.addHook("onSend", (_request, reply, payload, done) => {
    if (String(reply.getHeader("content-type")).startsWith("application/json")) {
      reply.header("content-type", "application/json");
    }
    done(null, payload);
  });
  for (const routes of [
    systemRoutes,
    eventRoutes,
    containerRoutes,
    containerStreamRoutes,
    containerLogRoutes,
    containerResourceRoutes,
    containerFileRoutes,
    execRoutes,
    imageRoutes,
    networkRoutes,
    volumeRoutes,
    portRoutes,
    registryRoutes,
    absentRoutes,
  ]) {
    routes(app, context);
  }
  // Its body is an image: it has a reader of its own.
  app.register(async (child) => imageCreateRoutes(child, context));
  app.register(async (child) => imageArchiveRoutes(child, context));
  app.register(async (child) => buildRoutes(child, context));
  app.register(async (child) => archiveRoutes(child, context));
  return app;
}

function handleFailures(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((error, request, reply) => {
    const failure = failureOf(error);
    // 501 and 503 are answers; 500 is a surprise, but for a client that left in the middle of its request.
    const left = request.raw.destroyed && !request.raw.complete;
    if (failure.status === 500 && !left) {
      logger.error({ error, method: request.method, url: request.originalUrl }, failure.message);
    }
    reply.code(failure.status);
    return failure.status === 304 ? reply.send() : reply.type("application/json").send(failureBody(failure));
  });
  app.setNotFoundHandler((request, reply) => {
    // Whatever is asked for: dockerd tells of no methods.
    if (request.method === "OPTIONS") return reply.code(200).send();
    return reply.code(pageNotFound.status).type("application/json").send(failureBody(pageNotFound));
  });
}

/** Bodies are JSON where a route has a schema for one; elsewhere they are read and dropped. */
function readBodies(app: FastifyInstance): void {
  app.addHook("preParsing", (request, _reply, payload, done) => {
    const { taken } = rawOf(request);
    done(null, taken ? Readable.from([taken.body]) : payload);
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (request, body, done) => {
    const schema = request.routeOptions.schema?.body;
    if (schema === undefined) return done(null);
    try {
      done(null, parseBody(request.headers["content-type"], body as Buffer, schema as Schema));
    } catch (error) {
      done(error as Error);
    }
  });
}
