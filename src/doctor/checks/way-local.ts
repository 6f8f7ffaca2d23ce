/** From this machine to a published port at 127.0.0.1: what a loopback address may do is a matter of sysctls. */
import { linkSysctl, shell } from "../../lib/shell.ts";
import type { ObservedLink } from "../../observe/types.ts";
import type { DropReason } from "../../trace/types.ts";
import { because, evidenceOf, fixesOf, isDecidedHere } from "../facts/ended.ts";
import { attachmentsOf } from "../facts/networks.ts";
import { type Published, shownPort } from "../facts/ports.ts";
import { endOf, walkEach } from "../facts/ways.ts";
import { flowLocal, reachablePorts } from "../facts/ways-in.ts";
import type { Check, Finding, Patient, Resident } from "../types.ts";

const NAME = "way-local";

export const wayLocal: Check = {
  name: NAME,
  title: "this machine reaches published ports at 127.0.0.1 (walked through its rules)",
  reports: [
    {
      title: "[1.11.2] Published Port not accessible via localhost",
      url: "https://github.com/moby/moby/issues/23730",
    },
    {
      title:
        "`route_localnet=1` should only require a `MASQUERADE` rule for `127.0.0.1`, not all host interfaces",
      url: "https://github.com/moby/moby/issues/45629",
    },
  ],
  looksAt: "both",
  look: (patient) =>
    walkEach(patient, { check: NAME, what: "published ports" }, reachablePorts(patient), (published) =>
      look(patient, published),
    ),
};

function look(patient: Patient, published: Published): Finding | undefined {
  const { host } = patient;
  const flow = flowLocal(host, published);
  const end = flow && endOf(patient, flow);
  if (!flow || !end) return undefined;
  const { resident, host: at, port } = published;
  const deaf = LOOPBACK.has(end.reason.code) ? deafBridge(patient, resident) : undefined;
  if (!deaf && !isDecidedHere(patient, end)) return undefined;
  const key = deaf && linkSysctl("net.ipv4.conf", deaf.name, "route_localnet");
  return {
    check: NAME,
    severity: "broken",
    title: `this machine can't reach port ${at.port}/${port.protocol} of ${resident.of.name} at its own 127.0.0.1: ${key ? `${key} is off` : because(end)}`,
    evidence: [`published: ${shownPort(published)}`, ...(key ? [`${key} = 0`] : []), ...evidenceOf(end)],
    cause:
      "What is sent to 127.0.0.1 and translated leaves by the bridge with a loopback address for its sender, which the kernel takes for a mistake unless route_localnet is on there, and the rules give it another.",
    fixes: key
      ? [
          {
            command: shell`sysctl -w ${key}=1`,
            does: "lets loopback addresses leave by the bridge; the engine's rules have to keep them from coming in by it",
            // Drawbridge's do so: chain martians.
            safe: resident.of.engine === "drawbridge",
          },
        ]
      : fixesOf(end),
    about: { namespace: host.id, container: resident.of.name },
  };
}

/** Ends that a sender of 127.0.0.0/8 has where it may not leave, or the answer not come. */
const LOOPBACK: ReadonlySet<DropReason["code"]> = new Set(["no-address", "martian"]);

const deafBridge = (patient: Patient, resident: Resident): ObservedLink | undefined =>
  attachmentsOf(patient)
    .filter((one) => one.resident === resident)
    .map(({ network }) => network.bridge)
    .find((bridge) => bridge?.settings?.routeLocalnet === false);
