import { bare } from "./bare.ts";
import { bridgeDriver } from "./bridge/driver.ts";
import type { Driver } from "./driver.ts";
import { macvlanDriver } from "./macvlan/driver.ts";
import type { DriverName } from "./types.ts";

export const drivers: Readonly<Record<DriverName, Driver>> = {
  bridge: bridgeDriver,
  host: bare,
  null: bare,
  macvlan: macvlanDriver,
};
