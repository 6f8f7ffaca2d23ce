import type { Kernel, Link, LinkAddress, Route } from "../linux/kernel.ts";

/** What the kernel has in the engine's own namespace. */
export interface HostState {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  readonly routes: readonly Route[];
}

/** As it is now. @throws KernelError */
export async function readHostState(
  kernel: Pick<Kernel, "links" | "addresses" | "routes">,
): Promise<HostState> {
  const [links, addresses, routes] = await Promise.all([kernel.links(), kernel.addresses(), kernel.routes()]);
  return { links, addresses, routes };
}
