/** A host with many small troubles at once, each made for real: each is named, and nothing else is. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

const COMMAND = join(import.meta.dirname, "../../bin/drawbridge");

interface Told {
  readonly findings: readonly { readonly check: string; readonly severity: string; readonly title: string }[];
}

describe("troubles at once", { skip: withoutRoot }, () => {
  const lab = hostWithEngine();
  const shell = (command: string) => lab.host.run("sh", ["-c", command]);

  before(async () => {
    const { host } = lab;
    await host.docker("run", "-d", "--name", "web", "-p", "8080:80", "busybox", "httpd", "-f", "-p", "80");
    await host.docker("run", "-d", "--name", "db", "busybox", "sleep", "1000");
    const lan = ["-d", "macvlan", "-o", "parent=eth0", "--subnet", "203.0.113.0/24"];
    await host.docker("network", "create", ...lan, "lan");
    await host.docker("run", "-d", "--name", "lamp", "--network", "lan", "busybox", "sleep", "1000");
  });

  test("are all found", async () => {
    await shell(`
      set -e
      nft -f - <<END
      table inet fw {
        chain in { type filter hook input priority 0; policy drop; ct state established,related accept; }
        chain through { type filter hook forward priority 10; icmp type destination-unreachable drop; }
      }
END
      ip link add spare type veth peer name end
      ip address add 192.0.2.9/24 dev spare; ip link set end up; ip link set spare up
      ip route append default via 192.0.2.1 dev spare
      sysctl -qw net.ipv4.conf.eth0.proxy_arp=1
      pid() { docker inspect -f '{{.State.Pid}}' "$1"; }
      nsenter -t $(pid db) -n ip link set eth0 mtu 1400
      kill -9 $(sed 's/.*) . //' /proc/$(pid web)/stat | cut -d' ' -f1)
    `);
    const { stdout } = await lab.host.run(COMMAND, ["-H", lab.host.address, "doctor", "--json"], {
      check: false,
    });
    const { findings }: Told = JSON.parse(stdout);
    // A firewall is passed by as often as there are links to come by.
    const told = [...new Set(findings.map(({ check, severity }) => `${severity} ${check}`))].toSorted();
    assert.deepEqual(
      told,
      [
        "note macvlan-parent",
        "note past-firewall",
        "note proxy-arp",
        "risk host-route",
        "risk monitor-gone",
        "risk mtu-mismatch",
        "risk too-big-dropped",
      ],
      stdout,
    );
  });
});
