/** A process that creates and starts what it is told to, prints the records, and stays until it is killed. */
import { argv, stdout } from "node:process";
import type { MonitorRecord, MonitorRequest } from "../../src/container/process/monitor-types.ts";
import { startSupervisor } from "../../src/container/process/supervisor.ts";
import { silent } from "../../src/lib/log.ts";

const { execRoot, requests } = JSON.parse(argv[2] ?? "{}") as {
  readonly execRoot: string;
  readonly requests: readonly MonitorRequest[];
};
const supervisor = await startSupervisor({ execRoot, logger: silent });
const records: MonitorRecord[] = [];
for (const request of requests) {
  const supervised = request.exec ? await supervisor.exec(request) : await supervisor.create(request);
  if (!request.exec) await supervisor.start(request.container);
  records.push(supervised.record);
}
stdout.write(`${JSON.stringify(records)}\n`);
