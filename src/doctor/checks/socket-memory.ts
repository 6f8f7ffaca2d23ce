/** Memory for TCP, and sockets that nobody has open any more: one container can use them up for all. */
import { sockstatOf } from "../facts/counters.ts";
import type { Check, Patient } from "../types.ts";

const NAME = "socket-memory";
/** The kernel gives up orphans early, at half or a quarter of the number: tcp_check_oom counts bad ones twice and more. */
const HALF = 0.5;

export const socketMemory: Check = {
  name: NAME,
  title: "TCP has memory left, and few sockets that nobody has open any more",
  reports: [
    {
      title: "kubelet should track tcp_mem stats also along with cpu/ram/disk",
      url: "https://github.com/kubernetes/kubernetes/issues/62334",
    },
    {
      title: "App Instance uses all tcp memory of the cell",
      url: "https://github.com/cloudfoundry/garden-runc-release/issues/27",
    },
    { title: "/proc/net/sockstat", url: "https://github.com/netdata/netdata/issues/14" },
  ],
  looksAt: "host",
  look: ({ host, tools }: Patient) => {
    const at = sockstatOf(tools.readText("/proc/self/net/sockstat") ?? "", "TCP");
    const limits = (tools.readText("/proc/sys/net/ipv4/tcp_mem") ?? "").trim().split(/\s+/).map(Number);
    const [, pressure = 0, most = 0] = limits;
    const orphans = Number(tools.readText("/proc/sys/net/ipv4/tcp_max_orphans")?.trim() ?? 0);
    const about = { namespace: host.id };
    return [
      ...(pressure > 0 && at("mem") > pressure
        ? [
            {
              check: NAME,
              severity: at("mem") >= most ? ("broken" as const) : ("risk" as const),
              title: `TCP ${at("mem") >= most ? "has no memory left" : "is short of memory"}: all connections of this machine and its containers slow down`,
              evidence: [
                `/proc/net/sockstat: TCP mem ${at("mem")} (pages)`,
                `net.ipv4.tcp_mem = ${limits.join(" ")}`,
              ],
              cause:
                "Memory for TCP's buffers is one pool for all namespaces. A program that does not read what it is sent, or sends more than is taken from it, fills it for everybody: windows shrink, and beyond the limit packets are dropped.",
              fixes: [
                {
                  command: "ss -tmn state established | sort -k2,2n | tail",
                  does: "shows whose queues are long; nsenter --net= does so for a container",
                  safe: false,
                },
                {
                  command: `sysctl -w net.ipv4.tcp_mem="${limits.map((one) => one * 2).join(" ")}"`,
                  does: "gives it twice as much, until the next boot",
                  safe: false,
                },
              ],
              about,
            },
          ]
        : []),
      ...(orphans > 0 && at("orphan") > orphans * HALF
        ? [
            {
              check: NAME,
              severity: "risk" as const,
              title: `${at("orphan")} sockets of TCP belong to nobody any more: beyond ${orphans} the kernel resets connections`,
              evidence: [
                `/proc/net/sockstat: TCP orphan ${at("orphan")}`,
                `net.ipv4.tcp_max_orphans = ${orphans}`,
              ],
              cause:
                "Programs have closed connections whose other end does not answer: each waits for its end for minutes. Above the limit, or half of it, new ones are not waited for and are reset.",
              fixes: [
                {
                  command: "sysctl -w net.ipv4.tcp_orphan_retries=2",
                  does: "has the kernel wait a shorter time for such ends",
                  safe: false,
                },
              ],
              about,
            },
          ]
        : []),
    ];
  },
};
