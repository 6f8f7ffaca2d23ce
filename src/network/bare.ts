import type { Driver } from "./driver.ts";

/** The driver of `host` and `none`: a sandbox stays as it is. */
export const bare: Driver = {
  complete: (network) => network,
  offersGateway: () => false,
  refuse: () => {},
  replaces: () => false,
  remember: () => ({}),
  ensure: () => [],
  rejoin: () => [],
  portsOf: () => [],
  remove: () => [],
  elements: () => ({}),
  connect: () => ({}),
  endpointElements: () => ({}),
  portElements: () => ({}),
  attach: () => [],
  detach: () => [],
  explain: (_, thrown) => thrown,
};
