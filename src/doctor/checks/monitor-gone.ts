/** Containers that are said to run: their first process, and the program that watches over it. */
import { shell } from "../../lib/shell.ts";
import type { Engine, EngineContainer } from "../../observe/types.ts";
import { containersNamed } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "monitor-gone";
const INIT = 1;

export const monitorGone: Check = {
  name: NAME,
  title: "containers that are said to run do, and somebody watches over each",
  reports: [
    {
      title: "conmon process missing, cannot retrieve exit code: conmon process killed",
      url: "https://github.com/podman-container-tools/podman/issues/12699",
    },
    {
      title: "podman ps -a reports 'no exit file for container found' after manually killing conmon process",
      url: "https://github.com/podman-container-tools/podman/issues/439",
    },
    {
      title: "podman kill fails to kill container, podman ps lists dead container",
      url: "https://github.com/podman-container-tools/podman/issues/7394",
    },
  ],
  looksAt: "both",
  look: (patient) => patient.topology.engines.flatMap((engine) => ofEngine(patient, engine)),
};

interface Seen {
  readonly of: EngineContainer;
  /** Undefined where the process is not there. */
  readonly parent: number | undefined;
}

function ofEngine(patient: Patient, { kind, containers }: Engine): readonly Finding[] {
  const { tools, container } = patient;
  const running = containers.filter(({ state, pid }) => state === "running" && pid > 0);
  const seen = running.map((of): Seen => ({ of, parent: parentOf(tools.readText(`/proc/${of.pid}/stat`)) }));
  // An engine in a PID namespace of its own tells other numbers.
  if (!seen.some(({ parent }) => parent !== undefined)) return [];
  const asked = seen.filter(({ of }) => container === undefined || of.id === container.of.id);
  return [
    ...gone(
      patient,
      asked.filter(({ parent }) => parent === undefined),
    ),
    // dockerd's shims are asked for nothing once containerd has gone; a monitor that ends leaves its container to init.
    ...(kind === "docker"
      ? []
      : unwatched(
          patient,
          asked.filter(({ parent }) => parent === INIT),
        )),
  ];
}

/** proc_pid_stat(5): the name may hold anything, so what follows its last parenthesis counts. */
function parentOf(stat: string | undefined): number | undefined {
  const [, parent] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return parent === undefined ? undefined : Number(parent);
}

const about = ({ host }: Patient, those: readonly Seen[]): Finding["about"] => ({
  namespace: host.id,
  ...(those.length === 1 && those[0] && { container: those[0].of.name }),
});

function gone(patient: Patient, those: readonly Seen[]): readonly Finding[] {
  const [first] = those;
  if (!first) return [];
  const { engine, name } = first.of;
  return [
    {
      check: NAME,
      severity: "broken",
      title: `${containersNamed(those.map(({ of }) => of.name))} ${those.length === 1 ? "is" : "are"} said to run, and ${those.length === 1 ? "its process is" : "their processes are"} gone`,
      evidence: those
        .slice(0, 8)
        .map(
          ({ of }) => `${of.name}: state running, pid ${of.pid}: /proc/${of.pid}: No such file or directory`,
        ),
      cause:
        "Whoever should have told the engine of the end was ended first: the monitor was killed, or the machine was short of memory. Its address and its ports stay taken, and nobody is there.",
      fixes: [
        {
          command: shell`${engine} restart ${name}`,
          does: "ends what is left of it, and starts it again",
          safe: false,
        },
      ],
      about: about(patient, those),
    },
  ];
}

function unwatched(patient: Patient, those: readonly Seen[]): readonly Finding[] {
  const [first] = those;
  if (!first) return [];
  const { engine, name } = first.of;
  return [
    {
      check: NAME,
      severity: "risk",
      title: `nobody watches over ${containersNamed(those.map(({ of }) => of.name))}: conmon is gone`,
      evidence: those.slice(0, 8).map(({ of }) => `${of.name}: pid ${of.pid} is a child of init`),
      cause:
        "A monitor keeps a container's output, hands over its terminal and tells its exit code. It was killed, by hand or for want of memory: the container goes on until its output is read by nobody and it stops at a full pipe, and its end will not be noticed.",
      fixes: [{ command: shell`${engine} restart ${name}`, does: "gives it a monitor again", safe: false }],
      about: about(patient, those),
    },
  ];
}
