/** The builder, with what containers have: steps of a build are confined as containers are. */
import { release } from "node:os";
import { createBuilder } from "../build/builder.ts";
import type { Builder } from "../build/types.ts";
import { DEFAULT_CAPABILITIES } from "../container/spec/capabilities.ts";
import { builtinProfile } from "../container/spec/seccomp.ts";
import type { Containers } from "../container/types.ts";
import { hostFacts } from "../linux/host.ts";

type Parts = Omit<Parameters<typeof createBuilder>[0], "findContainer" | "capabilities" | "seccompProfile">;

export function builderWith(parts: Parts & { readonly containers: Containers }): Builder {
  const { containers, ...rest } = parts;
  return createBuilder({
    ...rest,
    findContainer: (reference) => containers.inspect(reference).container.id,
    capabilities: DEFAULT_CAPABILITIES,
    seccompProfile: builtinProfile({
      machine: hostFacts().architecture,
      kernel: release(),
      capabilities: DEFAULT_CAPABILITIES,
    }),
  });
}
