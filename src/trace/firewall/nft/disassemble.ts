/** A rule in words of our own, for where nft(8)'s are out of reach: what is compared with what, bytes as they are. */
import { addressFromBytes, formatAddress } from "../../../lib/ip.ts";
import type { NftExpression, NftRule, NftVerdict } from "../../../linux/nftables/program.ts";
import { be32Or0, nameOr } from "../../../linux/nftables/read-numbers.ts";
import { readData } from "../../../linux/nftables/read-verdict.ts";

type Attributes = NftExpression["attributes"];

/** enum nft_meta_keys and nft_ct_keys, as nft(8) names them. */
const META = (
  "length protocol priority mark iif oif iifname oifname iiftype oiftype skuid skgid nftrace rtclassid secmark nfproto " +
  "l4proto ibrname obrname pkttype cpu iifgroup oifgroup cgroup random ipsec iifkind oifkind ibrpvid ibrvproto time day " +
  "hour sdif sdifname"
).split(" ");
const CT = (
  "state direction status mark secmark expiration helper l3proto saddr daddr protocol proto-src proto-dst label packets " +
  "bytes avgpkt zone event saddr daddr saddr daddr id"
).split(" ");
const COMPARISONS = ["", "!= ", "< ", "<= ", "> ", ">= "];
const BASES = ["@ll", "@nh", "@th", "@ih"];
const NFTA_CMP_OP = 2;
const NFT_NAT_SNAT = 0;

/** Expressions that only prepare a register: each as the name of what is in it. */
const LOADS: Readonly<Record<string, (attributes: Attributes) => string>> = {
  meta: (attributes) => `meta ${META[be32Or0(attributes.get(2))] ?? "?"}`,
  ct: (attributes) => `ct ${CT[be32Or0(attributes.get(2))] ?? "?"}`,
  payload: (attributes) => {
    const [base, offset, length] = [2, 3, 4].map((type) => be32Or0(attributes.get(type)));
    return `${BASES[base ?? 0] ?? "@?"},${(offset ?? 0) * 8},${(length ?? 0) * 8}`;
  },
  fib: () => "fib",
  rt: () => "rt",
  exthdr: () => "exthdr",
  socket: () => "socket",
  numgen: () => "numgen",
  hash: () => "hash",
  bitwise: () => "",
  byteorder: () => "",
};
/** Attributes with which the same expressions write: NFTA_META_SREG, NFTA_CT_SREG, NFTA_PAYLOAD_SREG. */
const WRITES: Readonly<Record<string, number>> = { meta: 3, ct: 4, payload: 5 };

/** As text, from left to right; what can't be named in few words is named by its expression alone. */
export function disassemble({ expressions, comment }: NftRule): string {
  const words: string[] = [];
  let loaded = "";
  let value = "";
  for (const { name, attributes } of expressions) {
    const writes = WRITES[name];
    if (writes !== undefined && attributes.has(writes)) {
      words.push(`${LOADS[name]?.(attributes)} set ${value}`);
    } else if (name in LOADS) {
      const what = LOADS[name]?.(attributes);
      if (what) loaded = loaded ? `${loaded} . ${what}` : what;
      continue;
    } else if (name === "immediate") {
      const data = readData(attributes.get(2));
      if (data.verdict) words.push(verdictText(data.verdict));
      else value = valueText(data.value);
      continue;
    } else words.push(wordOf(name, attributes, loaded, value));
    loaded = "";
  }
  const said = words.filter((word) => word !== "").join(" ");
  return comment === undefined ? said : `${said} comment "${comment}"`;
}

function wordOf(name: string, attributes: Attributes, loaded: string, value: string): string {
  switch (name) {
    case "cmp": {
      const comparison = COMPARISONS[be32Or0(attributes.get(NFTA_CMP_OP))] ?? "";
      return `${loaded} ${comparison}${valueText(readData(attributes.get(3)).value)}`;
    }
    case "range": {
      const [from, to] = [3, 4].map((type) => valueText(readData(attributes.get(type)).value));
      return `${loaded} ${be32Or0(attributes.get(2)) === 1 ? "!= " : ""}${from}-${to}`;
    }
    case "lookup": {
      const how = attributes.has(3) ? "map " : be32Or0(attributes.get(5)) === 1 ? "!= " : "";
      return `${loaded} ${how}@${nameOr(attributes.get(1), "?")}`;
    }
    case "nat": {
      const what = be32Or0(attributes.get(1)) === NFT_NAT_SNAT ? "snat" : "dnat";
      return value ? `${what} to ${value}` : what;
    }
    case "masq":
      return "masquerade";
    case "redir":
      return value ? `redirect to ${value}` : "redirect";
    case "match":
      return `match ${nameOr(attributes.get(1), "?")}`;
    case "target":
      return `target ${nameOr(attributes.get(1), "?")}`;
    default:
      return name;
  }
}

const verdictText = (verdict: NftVerdict): string =>
  "chain" in verdict ? `${verdict.code} ${verdict.chain}` : verdict.code;

/** Four bytes could be an address, or a mark: so they are shown in hex, but for sixteen, which are an address or a name. */
function valueText(bytes: Uint8Array | undefined): string {
  if (!bytes) return "";
  if (bytes.length === 16) {
    const end = bytes.indexOf(0);
    const name = Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("latin1");
    return /^[\w.@-]{2,15}$/.test(name) ? `"${name}"` : formatAddress(addressFromBytes(bytes));
  }
  return `0x${Buffer.from(bytes).toString("hex")}`;
}
