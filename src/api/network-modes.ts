/** Names of networks, and modes, to which Docker gives a meaning of its own (Engine API, HostConfig.NetworkMode). */

const BUILT_IN: ReadonlySet<string> = new Set(["bridge", "host", "none"]);

/** Those that the engine has from its start on. */
export const isBuiltIn = (network: string): boolean => BUILT_IN.has(network);

/** Networks with names for containers. */
export const isUserDefined = (network: string): boolean => !isBuiltIn(network) && network !== "default";

/** Whether it is another container's namespace that is meant. */
export const isAnothers = (mode: string): boolean => mode.startsWith("container:");
