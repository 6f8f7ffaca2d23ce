/** Programs without which no container starts, and what the kernel has to offer them. */
import { findProgram } from "../../lib/programs.ts";
import type { Engine } from "../../observe/types.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "runtime-missing";

/** Of each engine: what is needed, any of the names. */
const NEEDS: Readonly<Record<Engine["kind"], readonly (readonly string[])[]>> = {
  drawbridge: [["crun", "runc"], ["conmon"]],
  docker: [["runc", "crun"]],
  podman: [
    ["crun", "runc"],
    ["conmon"],
    ["netavark", "/opt/cni/bin/bridge", "/usr/lib/cni/bridge", "/usr/libexec/cni/bridge"],
  ],
};

/** File systems and controllers that containers are made of. */
const CONTROLLERS = ["memory", "pids", "cpu"] as const;

export const runtimeMissing: Check = {
  name: NAME,
  title: "the programs and kernel features that start containers are there",
  reports: [
    {
      title: "Changing podman runtime from 'runc' to 'crun'",
      url: "https://github.com/podman-container-tools/podman/issues/21736",
    },
    {
      title:
        "kubic xUbuntu_18.04 broken default OCI runtime config? dockerfile RUN lines fail with default installation",
      url: "https://github.com/podman-container-tools/podman/issues/9365",
    },
    {
      title: "firecracker: mount only cgroup v2 in the guest instead of hybrid v1+v2",
      url: "https://github.com/buildbuddy-io/buildbuddy/pull/6857",
    },
  ],
  looksAt: "host",
  look: (patient) =>
    patient.container
      ? []
      : [...programs(patient), ...overlay(patient), ...controllers(patient), ...hybrid(patient)],
};

const finding = ({ host }: Patient, more: Omit<Finding, "check" | "about">): Finding => ({
  check: NAME,
  about: { namespace: host.id },
  ...more,
});

function programs(patient: Patient): readonly Finding[] {
  // Snaps and static packages of dockerd bring a runtime of their own, where nobody else looks.
  const own = findProgram("dockerd") === undefined;
  const engines = patient.topology.engines.filter(({ kind }) => kind !== "docker" || !own);
  return engines.flatMap(({ kind }) =>
    NEEDS[kind]
      .filter((names) => findProgram(...names) === undefined)
      .map((names) =>
        finding(patient, {
          severity: "broken",
          title: `${kind} can't start containers: ${names.join(" or ")} is not installed`,
          evidence: [`no ${names.join(" or ")} in PATH, /usr/libexec or /usr/lib`],
          cause:
            "The program was removed, or never installed: the engine needs it for each container that it starts. Those that run already go on.",
          fixes: [
            {
              command: `apt-get install ${names[0]}`,
              does: "installs it (dnf, zypper or apk elsewhere)",
              safe: false,
            },
          ],
        }),
      ),
  );
}

function overlay(patient: Patient): readonly Finding[] {
  const { tools } = patient;
  const known = tools.readText("/proc/filesystems");
  const release = tools.readText("/proc/sys/kernel/osrelease")?.trim();
  if (known === undefined || /\boverlay$/m.test(known) || patient.topology.engines.length === 0) return [];
  const modules = ["modules.dep", "modules.builtin"].map((file) =>
    tools.readText(`/lib/modules/${release}/${file}`),
  );
  if (modules.some((text) => text !== undefined && /\/overlay\.ko/.test(text))) return [];
  return [
    finding(patient, {
      severity: "risk",
      title: "this kernel has no overlayfs: each container is a whole copy of its image",
      evidence: ["/proc/filesystems: no overlay", `/lib/modules/${release}: no overlay.ko`],
      cause:
        "Without it, layers are copied on each start: slow, and large. After an upgrade of the kernel, modules of the one that runs are often gone until the next boot.",
      fixes: [{ command: "modprobe overlay", does: "loads it, where it is a module", safe: false }],
    }),
  ];
}

/** cgroups v1 with a mount of v2 beside them. */
function hybrid(patient: Patient): readonly Finding[] {
  const { tools, topology } = patient;
  const mounts = tools.readText("/proc/self/mountinfo");
  const mixed = mounts !== undefined && / \/sys\/fs\/cgroup\/unified .* - cgroup2 /m.test(mounts);
  const needy = topology.engines.filter(({ kind }) => kind !== "docker");
  if (!mixed || needy.length === 0 || findProgram("crun") === undefined || findProgram("runc") !== undefined)
    return [];
  return [
    finding(patient, {
      severity: "broken",
      title: `${needy.map(({ kind }) => kind).join(" and ")} can't start containers: crun refuses cgroups in hybrid mode, and there is no runc`,
      evidence: ["/proc/self/mountinfo: /sys/fs/cgroup/unified cgroup2, beside cgroups v1"],
      cause:
        "systemd was told to keep cgroups v1 (systemd.unified_cgroup_hierarchy=0), and mounts v2 beside them for itself. crun takes either of them, and not both; runc takes both.",
      fixes: [
        { command: "apt-get install runc", does: "installs the other runtime", safe: false },
        {
          command: "grep -o 'systemd.unified_cgroup_hierarchy=[^ ]*' /proc/cmdline",
          does: "shows what keeps cgroups v1: without it, the next boot has v2 alone",
          safe: false,
        },
      ],
    }),
  ];
}

function controllers(patient: Patient): readonly Finding[] {
  const text = patient.tools.readText("/sys/fs/cgroup/cgroup.controllers");
  // Without that file it is cgroups v1, where each controller is a mount of its own; an empty one is a hybrid's.
  if (text === undefined || text.trim() === "" || patient.topology.engines.length === 0) return [];
  const have = text.trim().split(/\s+/);
  const missing = CONTROLLERS.filter((one) => !have.includes(one));
  if (missing.length === 0) return [];
  return [
    finding(patient, {
      severity: "risk",
      title: `limits of containers are not kept: this machine has no cgroup controller ${missing.join(", ")}`,
      evidence: [`/sys/fs/cgroup/cgroup.controllers: ${have.join(" ")}`],
      cause:
        "The controllers are built into the kernel, switched off at boot (cgroup_disable=memory on small boards), or not delegated to where the engine runs.",
      fixes: [
        {
          command: "cat /proc/cmdline",
          does: "shows what the kernel was started with: cgroup_enable=memory switches it on",
          safe: false,
        },
      ],
    }),
  ];
}
