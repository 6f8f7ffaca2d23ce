import type { StatsSample } from "../../src/container/types.ts";

/** With numbers beyond what a double holds exactly. */
export const fakeSample = (more: Partial<StatsSample> = {}): StatsSample => ({
  read: "2026-01-02T03:04:05.000000006Z",
  cgroupVersion: "1",
  cpu: {
    total: 9_007_199_254_740_993n,
    user: 2n,
    system: 3n,
    perCpu: [4n, 5n],
    periods: 6n,
    throttledPeriods: 7n,
    throttledTime: 8n,
  },
  machine: { cpu: 18_014_398_509_481_985n, cpus: 2 },
  memory: {
    usage: 1000n,
    maxUsage: 2000n,
    limit: 4_000_000n,
    failures: 1n,
    stat: { cache: 10n, total_inactive_file: 300n, hierarchical_memory_limit: 9_223_372_036_854_771_712n },
  },
  pids: { current: 3n, limit: 50n },
  block: {
    bytes: [{ major: 8, minor: 0, op: "Read", value: 4096n }],
    operations: [{ major: 8, minor: 0, op: "Read", value: 1n }],
  },
  networks: [
    {
      name: "eth0",
      rxBytes: 100n,
      rxPackets: 2n,
      rxErrors: 0n,
      rxDropped: 1n,
      txBytes: 50n,
      txPackets: 1n,
      txErrors: 0n,
      txDropped: 0n,
    },
  ],
  ...more,
});
