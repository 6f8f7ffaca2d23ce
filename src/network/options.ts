/** What the networks are made of, and what their parts share. */
import type { EngineEvent } from "../lib/events.ts";
import type { Address } from "../lib/ip.ts";
import type { Logger } from "../lib/log.ts";
import type { Kernel } from "../linux/kernel.ts";
import type { Fact, Plan } from "../linux/plan.ts";
import type { Reactor } from "../linux/reactor.ts";
import type { Store } from "../store/kv.ts";
import type { Dns } from "./dns/types.ts";
import type { Composer, HostPaths } from "./files/files.ts";
import type { Ledger } from "./ledger.ts";
import type { HostPorts } from "./port/types.ts";
import type { LinkKeeper } from "./sandbox/link-keeper.ts";
import type { Names } from "./sandbox/names.ts";
import type { NetworkSettings } from "./settings.ts";
import type { Sandbox } from "./types.ts";

export interface NetworksOptions {
  readonly kernel: Kernel;
  readonly store: Store;
  readonly events: { publish(event: Omit<EngineEvent, "time">): void };
  readonly logger: Logger;
  /** Absolute; sandboxes are pinned in `netns` below it. */
  readonly execRoot: string;
  readonly settings: NetworkSettings;
  readonly ports: HostPorts;
  readonly dns: Dns;
  /** What others do to links and rules is heard by it; without one nothing is watched. */
  readonly reactor?: Reactor;
  /** Where the host's own files are: elsewhere in tests. */
  readonly hostPaths?: HostPaths;
}

/** What each part of the controller is given. */
export interface Context extends NetworksOptions {
  readonly ledger: Ledger;
  readonly composer: Composer;
  /** The host's own addresses as containers see them, one of a family; none without a default bridge. */
  hostGateways(): readonly Address[];
  /** As the kernel's, but what others took away from under it is put back, and the plan carried out once more. */
  apply(plan: Plan): Promise<readonly Fact[]>;
  /** Tell of endpoints that come or go. */
  tell(action: "connect" | "disconnect", sandbox: Sandbox, endpoints?: Sandbox["endpoints"]): void;
}

/** What follows every sandbox that comes, changes and goes. */
export interface Followers {
  readonly names: Names;
  readonly links: LinkKeeper;
}
