import type { Driver } from "./driver.ts";

/** The driver of `host` and `none`: a sandbox stays as it is. */
export const bare: Driver = {
  refuse: () => {},
  replaces: () => false,
  ensure: () => [],
  rejoin: () => [],
  portsOf: () => [],
  remove: () => [],
  elements: () => ({}),
  connect: () => ({}),
  endpointElements: () => ({}),
  attach: () => [],
};
