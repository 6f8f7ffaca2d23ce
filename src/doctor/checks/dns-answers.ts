/** Name servers that containers are told to ask, asked from where they would. */
import { type Address, formatAddress, sameAddress } from "../../lib/ip.ts";
import { isLoopback } from "../../lib/ip-kinds.ts";
import { findProgram } from "../../lib/programs.ts";
import { DNS_PORT } from "../../lib/protocols.ts";
import { shell } from "../../lib/shell.ts";
import { strangerOf } from "../../trace/ends/uplink.ts";
import type { DropReason, Flow } from "../../trace/types.ts";
import { because, evidenceOf, fixesOf, isDecidedHere, isHere } from "../facts/ended.ts";
import { isUnplugged } from "../facts/namespace.ts";
import { attachmentsOf, isWired } from "../facts/networks.ts";
import { EMBEDDED, resolvConfOf } from "../facts/resolv-conf.ts";
import { containersNamed } from "../facts/text.ts";
import { type Ended, endOf } from "../facts/ways.ts";
import { flowsOut } from "../facts/ways-out.ts";
import type { Check, Finding, Fix, NameAnswer, Patient, Resident } from "../types.ts";

const NAME = "dns-answers";
/** Answered by every resolver without asking another: RFC 6761, section 6.3. */
const QUESTION = "localhost";
/** Servers that are asked at most, all at once; containers of one network with the same servers are one case. */
const MOST = 40;
const [SERVFAIL, REFUSED] = [2, 5] as const;
const CODES: Readonly<Record<number, string>> = { [SERVFAIL]: "SERVFAIL", [REFUSED]: "REFUSED" };

interface Case {
  readonly server: Address;
  readonly asker: Resident;
  /** Others of the same network who have the same server. */
  readonly also: readonly Resident[];
}

export const dnsAnswers: Check = {
  name: NAME,
  title: "the name servers that containers ask do answer, from where they ask (tried)",
  reports: [
    {
      title: "New embedded DNS server doesn't answer (times out)",
      url: "https://github.com/moby/moby/issues/20029",
    },
    { title: "`127.0.0.11` fails to resolve", url: "https://github.com/docker/for-linux/issues/392" },
    {
      title: "Containers name resolution timed out with embedded DNS",
      url: "https://github.com/moby/moby/issues/20335",
    },
  ],
  looksAt: "containers",
  asks: true,
  look: async (patient) => {
    const failures = await Promise.all(casesOf(patient).map((one) => tried(patient, one)));
    const told = failures.flatMap((one) => (one && !isTold(patient, one) ? [one] : []));
    return [...told.filter(({ upstream }) => !upstream), ...together(told)].map((one) =>
      findingOf(patient, one),
    );
  },
};

/** An asker without an answer. */
interface Failure extends Case {
  readonly answer: NameAnswer;
  readonly why: string;
  /** The engine's resolver is there, and those that it asks are not. */
  readonly upstream: boolean;
}

function casesOf(patient: Patient): readonly Case[] {
  const cases = new Map<string, Case & { readonly also: Resident[] }>();
  for (const attachment of attachmentsOf(patient)) {
    const { resident, network } = attachment;
    // Nothing outside answers there, by wish; or nothing gets there, which is told as what it is.
    if (network.network.internal || !isWired(attachment, patient.host)) continue;
    for (const server of resolvConfOf(patient, resident)?.nameservers ?? []) {
      const shown = formatAddress(server);
      // Leaked loopbacks, and one that is down, are told as what they are.
      if (isLoopback(server) && (shown !== EMBEDDED || isDeaf(resident))) continue;
      const key = `${shown} ${shown === EMBEDDED ? resident.of.id : network.network.id}`;
      const known = cases.get(key);
      if (known) known.also.push(resident);
      else cases.set(key, { server, asker: resident, also: [] });
    }
  }
  return [...cases.values()].slice(0, MOST);
}

const isDeaf = ({ namespace }: Resident): boolean =>
  namespace.links.some(({ loopback, up }) => loopback && !up);

async function tried({ tools }: Patient, one: Case): Promise<Failure | undefined> {
  const { server, asker } = one;
  const { namespace, of } = asker;
  const answer = await tools.askName(namespace.id, server, QUESTION);
  const why = failureOf(answer);
  if (why === undefined) return undefined;
  // A name of its own it knows without asking anybody.
  const own = isEmbedded(one) ? await tools.askName(namespace.id, server, of.name) : answer;
  return { ...one, answer, why, upstream: isEmbedded(one) && own.answered };
}

const isEmbedded = ({ server }: Case): boolean => formatAddress(server) === EMBEDDED;

/** The engine asks the same servers for all of its containers. */
function together(failures: readonly Failure[]): readonly Failure[] {
  const [first, ...others] = failures.filter(({ upstream }) => upstream);
  return first
    ? [{ ...first, also: [first, ...others].flatMap(({ asker, also }) => [...also, asker]).slice(1) }]
    : [];
}

const flowTo = ({ asker }: Case, destination: Address): Flow => ({
  from: { label: asker.of.name, namespace: asker.namespace.id },
  to: { label: formatAddress(destination) },
  destination,
  protocol: "udp",
  port: DNS_PORT,
});

/** What a question meets on its way, where that can be told. Whom the engine's resolver asks is the engine's business. */
const endOfQuestion = (patient: Patient, one: Failure): Ended | undefined =>
  endOf(patient, flowTo(one, isEmbedded(one) ? strangerOf(4) : one.server));

/** Nothing at all gets out of the container, for a reason that another check tells. */
function isTold(patient: Patient, one: Failure): boolean {
  if (isEmbedded(one) && !one.upstream) return false;
  if (isUnplugged(patient.host)) return true;
  const end = endOfQuestion(patient, one);
  if (!end) return false;
  const { family } = one.server;
  const stranger = flowsOut({ resident: one.asker, family: isEmbedded(one) ? 4 : family }).map((flow) =>
    endOf(patient, flow),
  );
  return stranger.every((other) => other?.reason.code === end.reason.code && isToldElsewhere(patient, end));
}

const isToldElsewhere = (patient: Patient, end: Ended): boolean =>
  isDecidedHere(patient, end) || (ELSEWHERE.has(end.reason.code) && isHere(patient, end));

/** By checks of links and of forwarding. */
const ELSEWHERE: ReadonlySet<DropReason["code"]> = new Set(["not-forwarding", "no-carrier", "link-down"]);

function findingOf(patient: Patient, one: Failure): Finding {
  const { server, asker, also, upstream, answer, why } = one;
  const { namespace, of } = asker;
  const shown = formatAddress(server);
  const names = [of, ...also.map((other) => other.of)].map(({ name }) => name);
  const end = isEmbedded(one) ? undefined : endOfQuestion(patient, one);
  return {
    check: NAME,
    severity: "broken",
    title: upstream
      ? `${containersNamed(names)} can't resolve names of the outside: those that the engine's resolver asks don't answer`
      : isEmbedded(one)
        ? `${containersNamed(names)} can't resolve names: the engine's resolver at ${shown} ${why}`
        : `${containersNamed(names)} can't resolve names at ${shown}, a name server of theirs: ${end ? because(end) : `it ${why}`}`,
    evidence: [
      `nsenter --net=${namespace.path} nslookup ${QUESTION} ${shown}: ${answer.answered ? (CODES[answer.code] ?? answer.code) : answer.why}`,
      ...(end ? evidenceOf(end) : []),
    ],
    cause: causeOf(one, upstream),
    fixes: end && end.explanation.fixes.length > 0 ? fixesOf(end) : [fixOf(one)],
    about: { namespace: namespace.id, ...(also.length === 0 && { container: of.name }) },
  };
}

/** podman's own resolver answers at the gateway of each of its networks. */
const isPodmans = ({ server, asker: { of } }: Case): boolean =>
  of.engine === "podman" &&
  of.endpoints.some(({ gateways }) => gateways.some((one) => sameAddress(one, server)));

function causeOf(one: Case, upstream: boolean): string {
  if (isPodmans(one))
    return "podman's resolver, aardvark-dns, serves names at the gateway of a network: it is not installed, was killed, or something else has port 53 there.";
  if (formatAddress(one.server) !== EMBEDDED)
    return "The server is out of reach from the container: it is down, it answers only its own network, or the way there is closed. The host may well reach it.";
  return upstream
    ? "The engine's resolver is there, and knows the containers' names. It asks the host's servers from the container's own namespace, and none answers there: they are down or refuse, or don't know the way back to the container."
    : "The engine serves that address in each container's namespace, by a translation of port 53 there. The engine is down or stuck, or the rules in the container's namespace were flushed.";
}

function fixOf(one: Failure): Fix {
  const { name, engine } = one.asker.of;
  if (isEmbedded(one) && !one.upstream)
    return {
      command: shell`${engine} restart ${name}`,
      does: "makes its namespace anew, with the translation of port 53; where none of the engine's containers resolves names, the engine itself is to be started",
      safe: false,
    };
  if (isPodmans(one))
    return findProgram("aardvark-dns") === undefined
      ? {
          command: shell`apt-get install aardvark-dns && podman restart ${name}`,
          does: "installs the resolver (dnf, zypper or apk elsewhere); it is started with the next container",
          safe: false,
        }
      : { command: "podman network reload --all", does: "starts the resolver again", safe: true };
  return {
    command: "cat /etc/resolv.conf",
    does: "shows whom the host asks; name another with --dns ADDRESS, of the container or of the engine",
    safe: false,
  };
}

function failureOf(answer: NameAnswer): string | undefined {
  if (!answer.answered) return `does not answer (${answer.why})`;
  const code = CODES[answer.code];
  return code === undefined ? undefined : `answers ${code}`;
}
