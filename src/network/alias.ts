/** IFLA_IFALIAS of a pair's host end: for people who read `ip link`. At most 255 bytes (IFALIASZ - 1). */
export const linkAlias = (containerName: string, networkName: string): string =>
  `${containerName} @ ${networkName}`.slice(0, 255);
