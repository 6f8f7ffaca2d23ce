/** Every check, a line each: causes before what they lead to, since findings are told in this order. */
import type { Check } from "../types.ts";
import { acceptRa } from "./accept-ra.ts";
import { addressConflict } from "./address-conflict.ts";
import { addressesUsedUp } from "./addresses-used-up.ts";
import { bridgeAddress } from "./bridge-address.ts";
import { bridgeFull } from "./bridge-full.ts";
import { bridgeNetfilter } from "./bridge-netfilter.ts";
import { changedRules } from "./changed-rules.ts";
import { checksumErrors } from "./checksum-errors.ts";
import { conntrackFull } from "./conntrack-full.ts";
import { containerAddress } from "./container-address.ts";
import { containerRoute } from "./container-route.ts";
import { dnsAnswers } from "./dns-answers.ts";
import { dnsNames } from "./dns-names.ts";
import { dnsSearch } from "./dns-search.ts";
import { dnsServers } from "./dns-servers.ts";
import { duplicateAddress } from "./duplicate-address.ts";
import { duplicateBridges } from "./duplicate-bridges.ts";
import { duplicateMac } from "./duplicate-mac.ts";
import { engineRules } from "./engine-rules.ts";
import { exposedAddresses } from "./exposed-addresses.ts";
import { firewalldZone } from "./firewalld-zone.ts";
import { forwardingOff } from "./forwarding-off.ts";
import { hostRoute } from "./host-route.ts";
import { ipv6Half } from "./ipv6-half.ts";
import { isolationMissing } from "./isolation-missing.ts";
import { kernelFeatures } from "./kernel-features.ts";
import { linkDown } from "./link-down.ts";
import { listenQueue } from "./listen-queue.ts";
import { macvlanParent } from "./macvlan-parent.ts";
import { managedLinks } from "./managed-links.ts";
import { mixedIptables } from "./mixed-iptables.ts";
import { monitorGone } from "./monitor-gone.ts";
import { mtuMismatch } from "./mtu-mismatch.ts";
import { mtuUplink } from "./mtu-uplink.ts";
import { neighbourTable } from "./neighbour-table.ts";
import { offBridge } from "./off-bridge.ts";
import { orphanedRules } from "./orphaned-rules.ts";
import { ownElements } from "./own-elements.ts";
import { pastFirewall } from "./past-firewall.ts";
import { pathMtu } from "./path-mtu.ts";
import { poolsUsedUp } from "./pools-used-up.ts";
import { portLoopback } from "./port-loopback.ts";
import { portNotListening } from "./port-not-listening.ts";
import { portShadowed } from "./port-shadowed.ts";
import { portsExhausted } from "./ports-exhausted.ts";
import { proxyArp } from "./proxy-arp.ts";
import { routeLocalnet } from "./route-localnet.ts";
import { runtimeMissing } from "./runtime-missing.ts";
import { silentNeighbour } from "./silent-neighbour.ts";
import { socketMemory } from "./socket-memory.ts";
import { staleConntrack } from "./stale-conntrack.ts";
import { staleNamespace } from "./stale-namespace.ts";
import { staleNeighbour } from "./stale-neighbour.ts";
import { staleVeth } from "./stale-veth.ts";
import { subnetOverlap } from "./subnet-overlap.ts";
import { tooBigDropped } from "./too-big-dropped.ts";
import { untranslatedIn } from "./untranslated-in.ts";
import { untranslatedOut } from "./untranslated-out.ts";
import { wayHairpin } from "./way-hairpin.ts";
import { wayIn } from "./way-in.ts";
import { wayLocal } from "./way-local.ts";
import { wayOut } from "./way-out.ts";
import { wayWithin } from "./way-within.ts";

/** All that the doctor looks for. */
export const ALL_CHECKS: readonly Check[] = [
  forwardingOff,
  engineRules,
  changedRules,
  ownElements,
  mixedIptables,
  firewalldZone,
  hostRoute,
  wayOut,
  untranslatedOut,
  wayIn,
  untranslatedIn,
  wayWithin,
  wayLocal,
  wayHairpin,
  isolationMissing,
  linkDown,
  managedLinks,
  offBridge,
  bridgeAddress,
  containerAddress,
  containerRoute,
  macvlanParent,
  duplicateBridges,
  subnetOverlap,
  duplicateAddress,
  duplicateMac,
  addressConflict,
  proxyArp,
  staleNeighbour,
  silentNeighbour,
  mtuMismatch,
  pathMtu,
  mtuUplink,
  tooBigDropped,
  portNotListening,
  portLoopback,
  listenQueue,
  portShadowed,
  bridgeNetfilter,
  staleConntrack,
  dnsServers,
  dnsAnswers,
  dnsNames,
  dnsSearch,
  ipv6Half,
  acceptRa,
  routeLocalnet,
  exposedAddresses,
  pastFirewall,
  conntrackFull,
  neighbourTable,
  portsExhausted,
  socketMemory,
  checksumErrors,
  addressesUsedUp,
  poolsUsedUp,
  bridgeFull,
  staleVeth,
  staleNamespace,
  orphanedRules,
  runtimeMissing,
  kernelFeatures,
  monitorGone,
];
