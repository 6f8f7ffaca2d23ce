/** All that both engines are asked. */
import type { Scenario } from "../lib/call.ts";
import { containers } from "./containers.ts";
import { createdContainers } from "./created-containers.ts";
import { images } from "./images.ts";
import { networks } from "./networks.ts";
import { system } from "./system.ts";
import { volumes } from "./volumes.ts";

export const SCENARIOS: readonly Scenario[] = [
  ...system,
  ...containers,
  ...createdContainers,
  ...images,
  ...networks,
  ...volumes,
];
