/** A registry that has `here` alone, and that tells what it was asked for. */
import type { Images } from "../../src/image/types.ts";
import { EngineError, internal, notFound } from "../../src/lib/errors.ts";
import type { Registry, TransferOptions } from "../../src/registry/types.ts";

export type AskedRegistry = Registry & { readonly asked: unknown[][] };

export function fakeRegistry(images: Images): AskedRegistry {
  const asked: unknown[][] = [];
  const about = ({ credentials, platform }: Partial<TransferOptions>) => ({ credentials, platform });
  const untilGone = (reference: string, signal: AbortSignal) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        asked.push(["gone", reference]);
        reject(signal.reason);
      });
    });
  return {
    asked,
    start: async () => {},
    stop: async () => {},
    pull: async (reference, options) => {
      asked.push(["pull", reference, about(options)]);
      if (!reference.includes("/here"))
        throw notFound(`manifest for ${reference} not found: manifest unknown`);
      if (reference.endsWith(":silent")) await untilGone(reference, options.signal);
      options.onProgress({ status: "Pulling from here", id: "1" });
      options.onProgress({ status: "Downloading", id: "abc", progressDetail: { current: 1, total: 2 } });
      if (reference.endsWith(":broken")) throw internal("the line is dead");
      if (reference.endsWith(":endless")) await untilGone(reference, options.signal);
      return images.resolve("busybox");
    },
    pullAll: async (reference, options) => {
      asked.push(["pullAll", reference, about(options)]);
      options.onProgress({ status: "all" });
      return [];
    },
    push: async (reference, options) => {
      asked.push(["push", reference, about(options)]);
      options.onProgress({ status: "The push refers to repository [x]" });
      options.onProgress({ status: "", progressDetail: {}, aux: { Tag: "1", Digest: "sha256:a", Size: 1 } });
      return { tag: "1", digest: "sha256:a", size: 1 };
    },
    login: async (credentials) => {
      asked.push(["login", credentials]);
      if (credentials.password !== "good") throw new EngineError("unauthorized", "no");
      return { status: "Login Succeeded", identityToken: "" };
    },
    inspect: async (reference, { credentials }) => {
      asked.push(["inspect", reference, { credentials }]);
      return {
        descriptor: { mediaType: "a/b", digest: "sha256:a", size: 3 },
        platforms: [{ architecture: "amd64", os: "linux" }],
      };
    },
  };
}
