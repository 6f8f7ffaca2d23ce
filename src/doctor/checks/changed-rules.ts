/** Rules in Drawbridge's own tables that it did not write, or that it wrote and that are gone. */
import { packageVersion } from "../../lib/version.ts";
import type { NftTable } from "../../linux/nftables/program.ts";
import { rules } from "../../network/firewall/rules.ts";
import { describeNft } from "../../trace/firewall/nft/describe.ts";
import { ruleText } from "../../trace/fixes/words.ts";
import type { RuleRef } from "../../trace/types.ts";
import { type Difference, differences } from "../facts/rules-differ.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "changed-rules";
const SHOWN = 8;

export const changedRules: Check = {
  name: NAME,
  title: "rules of Drawbridge's own tables are as it made them",
  reports: [
    {
      title: "New 0.30.x ACL features break iptables-nft routing table",
      url: "https://github.com/netbirdio/netbird/issues/2725",
    },
    {
      title:
        "iptables rules flushed too eagerly from `NETAVARK_FORWARD` chain, breaking container networking",
      url: "https://github.com/containers/netavark/issues/491",
    },
    { title: "Reconfigure `iptables` on reload", url: "https://github.com/docker/roadmap/issues/867" },
  ],
  looksAt: "host",
  look: (patient) => {
    const { host, topology, tools } = patient;
    const engine = topology.engines.find(({ kind }) => kind === "drawbridge");
    // Another version's rules may be others.
    if (patient.container || (engine && engine.version !== packageVersion())) return [];
    const own = host.nft.tables.filter(isOurs);
    if (own.length === 0) return [];
    const words = rules({});
    const wanted = tools.readBack(words).tables;
    return own.flatMap((table) => {
      const should = wanted.find(({ family, name }) => family === table.family && name === table.name);
      const found = should ? differences(table, should) : [];
      return found.length === 0 ? [] : [finding(patient, table, found, words)];
    });
  },
};

const isOurs = ({ family, name }: NftTable): boolean =>
  (family === "inet" && name === "drawbridge") || (family === "bridge" && name === "drawbridge-guard");

const HARMS: ReadonlySet<Difference["what"]> = new Set([
  "chain missing",
  "set missing",
  "rule missing",
  "base changed",
]);

function finding(
  patient: Patient,
  { family, name }: NftTable,
  found: readonly Difference[],
  words: string,
): Finding {
  const place = `${family} ${name}`;
  const [count, they] = found.length === 1 ? ["a thing is", "it"] : [`${found.length} things are`, "them"];
  return {
    check: NAME,
    severity: found.some(({ what }) => HARMS.has(what)) ? "broken" : "risk",
    title: `${count} not as Drawbridge made ${they} in table ${place}`,
    evidence: found.slice(0, SHOWN).map((one) => shown(patient, place, one, words)),
    cause:
      "Somebody has changed the engine's rules by hand, or by a script that goes through all tables. The engine watches its tables and puts them back: it does not run, or has not seen this. What containers may reach, and who reaches them, is not what the engine says.",
    fixes: [
      {
        command: "systemctl restart drawbridge",
        does: "has the engine put its tables back as they were; containers go on running. Rules of one's own belong in table inet drawbridge-admin",
        safe: false,
      },
    ],
    about: { namespace: patient.host.id },
  };
}

function shown({ topology, host }: Patient, place: string, one: Difference, words: string): string {
  const [family = "inet", table = ""] = place.split(" ");
  if (one.what === "chain missing" || one.what === "chain added")
    return `chain ${place} ${one.chain} ${one.what === "chain missing" ? "is not there" : "is not the engine's"}`;
  if (one.what === "set missing") return `set ${place} ${one.set} is not there`;
  if (one.what === "base changed") return `chain ${place} ${one.chain}: ${one.is} (should be: ${one.should})`;
  if (one.what === "order changed") return `chain ${place} ${one.chain}: its rules stand in another order`;
  if (one.what === "rule missing")
    return `chain ${place} ${one.chain} misses: ${wordsOf(words, place, one.chain)[one.index] ?? `its rule ${one.index + 1}`}`;
  const rule: RuleRef = {
    in: "nft",
    namespace: host.id,
    family: family as NftTable["family"],
    table,
    chain: one.chain,
    handle: one.handle,
  };
  const [told = rule] = describeNft([rule], topology);
  return `added: ${ruleText(told)}`;
}

/** The rules of a chain as the engine writes them, a line each. */
function wordsOf(words: string, place: string, chain: string): readonly string[] {
  const table = words.split(/^table /m).find((text) => text.startsWith(`${place} {`)) ?? "";
  const [, body = ""] = table.split(`\tchain ${chain} {\n`);
  const [inner = ""] = body.split("\n\t}");
  return inner
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("type "));
}
