/**
 * `npm run demo`: the tutorial of Docker's bridge network, on a host made for it and thrown away. Every
 * command runs, every line of output is real, and a command that fails ends the demo.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { ThrowawayHost } from "../test/support/host.ts";
import { drawPath } from "./demo/drawing.ts";
import { bridgeOf, endOf } from "./demo/facts.ts";
import { command, heading, output, proves, say } from "./demo/screen.ts";

/** The real `docker` where there is one; our own command speaks the same words. */
const docker = hasDocker() ? "docker" : join(import.meta.dirname, "../bin/drawbridge");

function hasDocker(): boolean {
  try {
    execFileSync("docker", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Run one line of the tutorial in the host, as typed, and show what it printed. */
async function run(host: ThrowawayHost, line: string, proof: string, marks?: RegExp): Promise<void> {
  command(line);
  const shell = docker === "docker" ? line : `docker() { ${docker} "$@"; }; ${line}`;
  const env = { DRAWBRIDGE_HOST: host.address };
  const { stdout, stderr } = await host.run("sh", ["-euc", shell], { env });
  output(stdout + stderr, marks);
  proves(proof);
}

async function tutorial(host: ThrowawayHost): Promise<void> {
  heading("Two containers on docker0");
  await run(host, "docker network ls", "The three networks that every host has before any container.");
  await run(
    host,
    "docker run -itd --name=container1 busybox",
    "No image was loaded: busybox is made from this machine's own static busybox.",
  );
  await run(host, "docker run -itd --name=container2 busybox", "A second one, beside it.");
  await run(host, "docker ps", "Both run.");
  await run(
    host,
    "brctl show",
    "docker0 is a bridge of the kernel's, and each container has a port on it.",
    /veth\w+/g,
  );
  await run(
    host,
    "docker exec container1 ip address show eth0",
    "The other end of its pair is the host's link with that number.",
    /@if\d+/g,
  );

  const [left, right] = [await endOf(host, "container1"), await endOf(host, "container2")];
  await run(
    host,
    `ethtool -S ${left.hostInterface} | grep peer_ifindex`,
    `The host's ${left.hostInterface} names number ${left.ifindex}: eth0 in container1.`,
    /\d+$/,
  );

  heading("The way between them");
  say(`\n${drawPath(left, await bridgeOf(host, "docker0"), right)}`);
  const [address = ""] = right.address.split("/");
  await run(
    host,
    `docker exec container1 ping -c 2 ${address}`,
    "container1 reaches container2 through the bridge.",
    /bytes from [\d.]+/g,
  );
  await run(
    host,
    "docker exec container1 ping -c 1 172.17.0.1",
    "… and its gateway, which is docker0 itself.",
    /bytes from [\d.]+/g,
  );

  heading("The way out");
  await run(
    host,
    "docker exec container1 ping -c 2 www.baidu.com",
    "A name, resolved and answered by an outside host that has no route back to 172.17.0.0/16: NAT.",
    /bytes from [\d.]+/g,
  );
  await run(
    host,
    "nft list chain inet drawbridge postrouting",
    "The rule that does it; it was there before any container, and none adds another.",
    /masquerade/g,
  );

  heading("A container's namespace, by name");
  await run(
    host,
    "ln -s $(docker inspect -f '{{.NetworkSettings.SandboxKey}}' container1) /run/netns/c1 && ip netns exec c1 ip -brief address",
    "It is an ordinary network namespace: every tool of the host works in it.",
  );

  heading("And away");
  await run(
    host,
    "docker run --rm busybox sh -c 'exit 7' || echo \"exit code $?\"",
    "Exit codes come through.",
  );
  await run(host, "docker rm -f container1 container2", "Gone …");
  await run(host, "brctl show", "… and with them their veth pairs: docker0 has no port left.");
}

const begun = performance.now();
say(
  "Making a host to throw away: its own network, mounts, processes; the machine you sit at is not touched.",
);
{
  await using host = await ThrowawayHost.create();
  await using engine = await host.startEngine();
  say(`An engine runs in it (pid ${engine.pid}).`);
  await tutorial(host);
}
heading("Cleaned up");
say(
  `The host, its engine and all they made are gone, after ${((performance.now() - begun) / 1000).toFixed(1)} s.`,
);
say(
  "To start an engine for keeps:\n\n  sudo bin/drawbridge daemon\n  export DOCKER_HOST=unix:///run/drawbridge.sock",
);
