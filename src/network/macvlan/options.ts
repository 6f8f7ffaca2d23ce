import { invalid, notBuiltIn } from "../../lib/errors.ts";
import { integerOption, isLinkName, type OptionValues } from "../option-values.ts";
import type { Network } from "../types.ts";

/** Docker's names for a macvlan network's options. */
export const MACVLAN_OPTION = {
  parent: "parent",
  mode: "macvlan_mode",
  mtu: "com.docker.network.driver.mtu",
} as const;

const MODES = ["bridge", "private", "vepa", "passthru"] as const;
export type MacvlanMode = (typeof MODES)[number];

export interface MacvlanOptions {
  /** A link of the host. */
  readonly parent: string;
  readonly mode: MacvlanMode;
  /** Bytes; the parent's where absent. */
  readonly mtu?: number;
}

/** @throws invalid, not-built-in in Docker's words where it has any */
export function macvlanOptions({ options }: Network): MacvlanOptions {
  const mtu = integerOption(options, MACVLAN_OPTION.mtu, 0);
  if (mtu < 0 || mtu > 65535) throw invalid(`invalid MTU number: ${mtu}`);
  return { parent: parentOf(options), mode: modeOf(options), ...(mtu > 0 && { mtu }) };
}

function parentOf(options: OptionValues): string {
  const parent = options[MACVLAN_OPTION.parent] ?? "";
  if (parent === "") {
    throw notBuiltIn(
      "a macvlan network without a parent stands on a dummy link, which is not built in: " +
        "pass --opt parent=LINK, or make a bridge network with --internal",
    );
  }
  if (parent === "lo") throw invalid("loopback interface is not a valid macvlan parent link");
  if (!isLinkName(parent)) throw invalid(`parent ${parent} can't be a link's name`);
  return parent;
}

function modeOf(options: OptionValues): MacvlanMode {
  const asked = options[MACVLAN_OPTION.mode] || "bridge";
  const mode = MODES.find((each) => each === asked);
  if (mode === undefined) {
    throw invalid(
      `requested macvlan mode '${asked}' is not valid, 'bridge' mode is the macvlan driver default`,
    );
  }
  return mode;
}

/** A VLAN's link by its name: `eth0.10` is VLAN 10 on eth0. */
export interface Vlan {
  readonly parent: string;
  readonly id: number;
}

/** @throws invalid, in Docker's words */
export function parseVlan(link: string): Vlan {
  const [parent, id, ...more] = link.split(".");
  if (parent === undefined || id === undefined) {
    throw invalid(`invalid subinterface vlan name ${link}, example formatting is eth0.10`);
  }
  if (more.length > 0 || parent === "") {
    throw invalid(
      `required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received ${link}`,
    );
  }
  if (!/^\d+$/.test(id))
    throw invalid(`unable to parse a valid vlan id from: ${id} (ex. eth0.10 for vlan 10)`);
  // IEEE 802.1Q: twelve bits, of which the first and the last value are reserved.
  const number = Number(id);
  if (number < 1 || number > 4094) throw invalid(`vlan id must be between 1-4094, received: ${number}`);
  return { parent, id: number };
}
