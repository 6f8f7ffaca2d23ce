/** All of a host that looking at it could change, as text by what it is. */
import { inHost, type Lab } from "./lab.ts";

export type Snapshot = ReadonlyMap<string, readonly string[]>;

/** Counters count our packets as well as others', and neighbours' states and ages change by themselves. */
const INSIDE = `
echo "## rules of nftables"; nft -s list ruleset
for kind in nft legacy; do for tool in iptables ip6tables; do
  echo "## $tool-$kind-save"; $tool-$kind-save 2>&1 | sed -E 's/\\[[0-9]+:[0-9]+\\]//; /^#/d'
done; done
echo "## tables of xtables"; cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null
echo "## links"; ip -o link | sed -E 's/ qlen [0-9]+//'
echo "## addresses"; ip -o address | sed -E 's/(valid|preferred)_lft [0-9]+sec//g'
echo "## routes"; ip route show table all; ip -6 route show table all | sed -E 's/expires [0-9]+sec//'
echo "## policy rules"; ip rule; ip -6 rule
echo "## neighbours"; ip -4 neighbour | sed -E 's/ (FAILED|INCOMPLETE).*/ unanswered/; s/ lladdr.*//' | sort
echo "## queueing disciplines"; tc qdisc 2>&1
echo "## sysctls"; sysctl -a 2>/dev/null | grep -E '^(net|kernel|vm)\\.' |
  grep -vE 'nf_conntrack_count|kernel\\.(random|ns_last_pid|pty\\.nr|sched_domain)'
`;

const WHOLE = `
echo "## mounts"; sed -E 's/^[0-9]+ [0-9]+ //' /proc/self/mountinfo | sort
echo "## network namespaces"; readlink /proc/[0-9]*/ns/net 2>/dev/null | sort -u; ls /run/netns 2>/dev/null
echo "## programs of BPF"; grep -h '^prog_id' /proc/[0-9]*/fdinfo/* 2>/dev/null | sort; ls /sys/fs/bpf 2>/dev/null
echo "## tracefs"; ls /sys/kernel/tracing/instances 2>/dev/null; cat /sys/kernel/tracing/tracing_on 2>/dev/null
`;

/** Of the host and of each namespace in it. @throws Error where it can't be looked at */
export async function snapshotOf(lab: Lab): Promise<Snapshot> {
  const pids = await inHost(
    lab,
    "for p in /proc/[0-9]*; do echo $(readlink $p/ns/net) $p; done | sort -u -k1,1 | cut -d' ' -f2",
  );
  const inside = pids.stdout
    .split("\n")
    .filter(Boolean)
    .map(
      (proc) =>
        `echo "# $(tr '\\0' ' ' <${proc}/cmdline | cut -c1-40)"; nsenter --net=${proc}/ns/net sh -c '${INSIDE.replaceAll("'", "'\\''")}'`,
    );
  const { stdout, stderr } = await inHost(lab, [...inside, "echo '# whole'", WHOLE].join("\n"));
  const found = new Map<string, string[]>();
  let [place, section] = ["", ""];
  for (const line of stdout.split("\n")) {
    if (line.startsWith("# ")) place = line.slice(2);
    else if (line.startsWith("## ")) section = line.slice(3);
    else found.set(`${section} in ${place}`, [...(found.get(`${section} in ${place}`) ?? []), line]);
  }
  if (found.size < 10) throw new Error(`the host can't be looked at: ${stderr}`);
  return found;
}

/** What is not as it was, a line each. */
export function changesOf(before: Snapshot, after: Snapshot): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const [was, is] = [before.get(key) ?? [], after.get(key) ?? []];
    const changes = key.startsWith("neighbours") ? newcomers(was, is) : differences(was, is);
    return changes.map((line) => `${key}: ${line}`);
  });
}

function differences(was: readonly string[], is: readonly string[]): readonly string[] {
  if (was.join("\n") === is.join("\n")) return [];
  const gone = was.filter((line) => !is.includes(line)).map((line) => `- ${line}`);
  return [...gone, ...is.filter((line) => !was.includes(line)).map((line) => `+ ${line}`)];
}

/** Who does not answer is forgotten by the kernel and asked again; who does is known from the connections before. */
const newcomers = (was: readonly string[], is: readonly string[]): readonly string[] =>
  is
    .filter((line) => !line.endsWith(UNANSWERED) && !was.includes(line) && !was.includes(line + UNANSWERED))
    .map((line) => `+ ${line}`);

const UNANSWERED = " unanswered";
