/** What is wrong, how it is known, why it is so, and what mends it. A check is a file of `checks/`, and a line in `all.ts`. */
import type { Address } from "../lib/ip.ts";
import type { NftRuleset } from "../linux/nftables/program.ts";
import type { EngineContainer, LinkRef, Namespace, NamespaceId, Topology } from "../observe/types.ts";

/** A public report of somebody who met it: where to read on. */
export interface PublicReport {
  readonly title: string;
  readonly url: string;
}

/** `broken`: something does not work now. `risk`: it will, or for some. `note`: good to know, nothing is wrong. */
export type Severity = "broken" | "risk" | "note";

/** A command to paste on the host, and what it does. */
export interface Fix {
  /** To be pasted into a root shell; one line. */
  readonly command: string;
  readonly does: string;
  /** Whether `--fix` may run it unasked: it takes nothing away that somebody may want, and can be taken back. */
  readonly safe: boolean;
}

/** One thing that is wrong, with what shows it. */
export interface Finding {
  /** The check's name. */
  readonly check: string;
  readonly severity: Severity;
  /** One sentence, with names: `container web can't reach other hosts: this machine does not forward IPv4`. */
  readonly title: string;
  /** What was read or tried, a line each, as the tool that shows it would print it: `net.ipv4.ip_forward = 0`. */
  readonly evidence: readonly string[];
  /** How it comes to be so, and what it does to packets. */
  readonly cause: string;
  readonly fixes: readonly Fix[];
  readonly about: Subject;
}

/** Whom a finding is about. */
export interface Subject {
  readonly namespace?: NamespaceId;
  readonly link?: LinkRef;
  readonly container?: string;
  readonly network?: string;
}

/** A check that could not be made, and why: it is told, and no reason to be quiet about the others. */
export interface Unchecked {
  readonly check: string;
  readonly why: string;
}

/** What a check looks at. */
export interface Patient {
  readonly topology: Topology;
  readonly host: Namespace;
  /** Only this container's troubles, and the host's that it suffers from. */
  readonly container?: Resident;
  /** Containers that are asked about: the one above, or all that run. */
  readonly containers: readonly Resident[];
  readonly tools: Tools;
}

/** A container that runs, and the namespace that it lives in: its own, another container's, or the host's. */
export interface Resident {
  readonly namespace: Namespace;
  readonly of: EngineContainer;
}

/** What is tried, or looked up beside the topology. Each is bounded in time and traffic, and leaves nothing behind. */
export interface Tools {
  /** A DNS query from a namespace. @returns the response code and what it took, or why there was none */
  askName(from: NamespaceId, server: Address, name: string): Promise<NameAnswer>;
  /** An ARP or neighbour-discovery probe by a link: who says that the address is his. MACs, none where nobody does. */
  whoHas(link: LinkRef, address: Address): Promise<readonly string[]>;
  /** The largest packet, in bytes of IP, that comes back from there unfragmented; undefined where nothing does. */
  pathMtu(from: NamespaceId, to: Address): Promise<number | undefined>;
  /** A file of the host, or of a container's root by `/proc/PID/root`; undefined where it isn't there. */
  readText(path: string): string | undefined;
  /** Who has a socket open, by its inode (`ListeningSocket.inode`); undefined where nobody that can be seen. */
  holderOf(inode: number): SocketHolder | undefined;
  /** Rules in nft(8)'s words as the kernel would hold them, read from a namespace of their own. */
  readBack(words: string): NftRuleset;
}

/** A process that has a socket open. */
export interface SocketHolder {
  readonly pid: number;
  /** `/proc/PID/comm`. */
  readonly name: string;
  /** `/proc/PID/cmdline`, words apart by spaces. */
  readonly command: string;
}

/** What a name server said. `code` is the RCODE of RFC 1035; `took` is milliseconds. */
export type NameAnswer =
  | {
      readonly answered: true;
      readonly code: number;
      readonly addresses: readonly Address[];
      readonly took: number;
    }
  | { readonly answered: false; readonly why: string };

/** One kind of trouble, and how it is told. */
export interface Check {
  /** Stable, for scripts: `forwarding-off`. The file's name. */
  readonly name: string;
  readonly title: string;
  readonly reports: readonly PublicReport[];
  /** Whether it looks at the machine, at each container, or both. */
  readonly looksAt: "host" | "containers" | "both";
  /** Whether it asks others, and waits for what they say: it begins before those that think. */
  readonly asks?: true;
  look(patient: Patient): readonly Finding[] | Promise<readonly Finding[]>;
}

/** All that was found, and what could not be looked at. */
export interface Diagnosis {
  readonly findings: readonly Finding[];
  readonly unchecked: readonly Unchecked[];
  /** What the kernel or an engine would not tell, a sentence each: what is wrong there is not found. */
  readonly unread: readonly string[];
  /** Names of the checks that were made. */
  readonly checked: readonly string[];
  /** Milliseconds. */
  readonly took: number;
}
