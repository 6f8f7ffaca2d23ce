/** A diagnosis as JSON for programs: `docs/doctor.md` has its form, which stays. Pure. */
import type { Topology } from "../observe/types.ts";
import { ALL_CHECKS } from "./checks/all.ts";
import { exitCodeOf } from "./exit-code.ts";
import type { Diagnosis, Subject } from "./types.ts";

export function diagnosisToJson(topology: Topology, diagnosis: Diagnosis) {
  const { findings, unchecked, unread, checked, took } = diagnosis;
  return {
    exitCode: exitCodeOf(diagnosis),
    took: Math.round(took),
    checked,
    unchecked: unchecked.map(({ check, why }) => ({ check, why })),
    unread,
    findings: findings.map(({ about, ...finding }) => ({
      ...finding,
      about: subjectToJson(topology, about),
      reports: ALL_CHECKS.find(({ name }) => name === finding.check)?.reports ?? [],
    })),
  };
}

function subjectToJson(topology: Topology, { namespace, link, container, network }: Subject) {
  const home = namespace === undefined ? undefined : topology.namespaces.get(namespace);
  const at = link && topology.namespaces.get(link.namespace);
  return {
    ...(home && { namespace: home.name }),
    ...(at && { link: at.links.find(({ ifindex }) => ifindex === link.ifindex)?.name ?? `${link.ifindex}` }),
    ...(container !== undefined && { container }),
    ...(network !== undefined && { network }),
  };
}
