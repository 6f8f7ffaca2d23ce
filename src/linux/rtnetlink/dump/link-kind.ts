/**
 * What is peculiar to a kind of link: IFLA_LINKINFO, linux/if_link.h.
 * ```
 * IFLA_INFO_KIND        "bridge"
 * IFLA_INFO_DATA        of that kind: IFLA_BR_*, IFLA_MACVLAN_* …; the numbers of different kinds are the same
 * IFLA_INFO_SLAVE_KIND  "bridge": what it is a port of
 * IFLA_INFO_SLAVE_DATA  IFLA_BRPORT_*
 * ```
 */
import { Fields } from "../../netlink/fields.ts";
import {
  IFLA_BRPORT_MODE,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_INFO_SLAVE_DATA,
  IFLA_INFO_SLAVE_KIND,
  IFLA_LINKINFO,
  IFLA_MACVLAN_MODE,
  IFLA_VLAN_ID,
} from "../attributes.ts";
import { BR_STATE_FORWARDING } from "../port-state.ts";

const IFLA_BR_AGEING_TIME = 4;
const IFLA_BR_STP_STATE = 5;
const IFLA_BR_VLAN_FILTERING = 7;
const IFLA_BR_MCAST_SNOOPING = 23;
const IFLA_BR_NF_CALL_IPTABLES = 36;
const IFLA_BR_NF_CALL_IP6TABLES = 37;

const IFLA_BRPORT_STATE = 1;
const IFLA_BRPORT_LEARNING = 8;
const IFLA_BRPORT_UNICAST_FLOOD = 9;
const IFLA_BRPORT_MCAST_FLOOD = 27;
const IFLA_BRPORT_BCAST_FLOOD = 30;
const IFLA_BRPORT_NEIGH_SUPPRESS = 32;
const IFLA_BRPORT_ISOLATED = 33;

const IFLA_VRF_TABLE = 1;
const IFLA_VXLAN_ID = 1;
const IFLA_VXLAN_PORT = 15;

/** enum macvlan_mode */
const MACVLAN_MODES: Readonly<Record<number, string>> = {
  1: "private",
  2: "vepa",
  4: "bridge",
  8: "passthru",
  16: "source",
};

export interface BridgeSettings {
  /** IFLA_BR_NF_CALL_IPTABLES and its like: of this bridge alone, beside the namespace's `bridge-nf-call-*`. */
  readonly callIptables: boolean;
  readonly callIp6tables: boolean;
  readonly vlanFiltering: boolean;
  readonly stp: boolean;
  /** Centiseconds, as the kernel has it. */
  readonly ageing: number;
  readonly multicastSnooping: boolean;
}

export interface PortSettings {
  /** BR_STATE_*: 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking. */
  readonly state: number;
  readonly hairpin: boolean;
  readonly isolated: boolean;
  readonly learning: boolean;
  readonly unicastFlood: boolean;
  /** Where what other ports send to groups, or to all, does not go out by this one. */
  readonly multicastFlood?: false;
  readonly broadcastFlood?: false;
  readonly neighSuppress: boolean;
}

export interface LinkKind {
  /** IFLA_INFO_KIND: `veth`, `bridge`, `macvlan`, `tun` …; absent for hardware and loopback. */
  readonly kind?: string;
  readonly bridge?: BridgeSettings;
  readonly port?: PortSettings;
  /** Of a macvlan: `private`, `vepa`, `bridge`, `passthru`. */
  readonly macvlanMode?: string;
  readonly vlanId?: number;
  /** Of a VRF: the table that its routes are in. */
  readonly vrfTable?: number;
  readonly vxlan?: { readonly id: number; readonly port: number };
}

const info = new Fields();
const data = new Fields();

/** Of the link whose attributes `link` reads. */
export function readLinkKind(link: Fields): LinkKind {
  if (!link.has(IFLA_LINKINFO)) return {};
  info.within(link, IFLA_LINKINFO);
  const kind = info.text(IFLA_INFO_KIND);
  const port = info.text(IFLA_INFO_SLAVE_KIND) === "bridge" ? readPort() : undefined;
  return {
    ...(kind !== undefined && { kind, ...readData(kind) }),
    ...(port && { port }),
  };
}

function readData(kind: string): LinkKind {
  data.within(info, IFLA_INFO_DATA);
  switch (kind) {
    case "bridge":
      return { bridge: readBridge() };
    case "macvlan":
    case "macvtap": {
      const mode = MACVLAN_MODES[data.u32(IFLA_MACVLAN_MODE) ?? 0];
      return mode === undefined ? {} : { macvlanMode: mode };
    }
    case "vlan": {
      const vlanId = data.u16(IFLA_VLAN_ID);
      return vlanId === undefined ? {} : { vlanId };
    }
    case "vrf": {
      const vrfTable = data.u32(IFLA_VRF_TABLE);
      return vrfTable === undefined ? {} : { vrfTable };
    }
    case "vxlan": {
      const [id, port] = [data.u32(IFLA_VXLAN_ID), data.be16(IFLA_VXLAN_PORT)];
      return id === undefined || port === undefined ? {} : { vxlan: { id, port } };
    }
    default:
      return {};
  }
}

const readBridge = (): BridgeSettings => ({
  callIptables: data.u8(IFLA_BR_NF_CALL_IPTABLES) === 1,
  callIp6tables: data.u8(IFLA_BR_NF_CALL_IP6TABLES) === 1,
  vlanFiltering: data.u8(IFLA_BR_VLAN_FILTERING) === 1,
  stp: (data.u32(IFLA_BR_STP_STATE) ?? 0) !== 0,
  ageing: data.u32(IFLA_BR_AGEING_TIME) ?? 0,
  multicastSnooping: data.u8(IFLA_BR_MCAST_SNOOPING) === 1,
});

/** What an older kernel doesn't tell of a port is as it was before it could be told. */
function readPort(): PortSettings {
  data.within(info, IFLA_INFO_SLAVE_DATA);
  return {
    state: data.u8(IFLA_BRPORT_STATE) ?? BR_STATE_FORWARDING,
    hairpin: data.u8(IFLA_BRPORT_MODE) === 1,
    isolated: data.u8(IFLA_BRPORT_ISOLATED) === 1,
    learning: data.u8(IFLA_BRPORT_LEARNING) !== 0,
    unicastFlood: data.u8(IFLA_BRPORT_UNICAST_FLOOD) !== 0,
    ...(data.u8(IFLA_BRPORT_MCAST_FLOOD) === 0 && { multicastFlood: false }),
    ...(data.u8(IFLA_BRPORT_BCAST_FLOOD) === 0 && { broadcastFlood: false }),
    neighSuppress: data.u8(IFLA_BRPORT_NEIGH_SUPPRESS) === 1,
  };
}
