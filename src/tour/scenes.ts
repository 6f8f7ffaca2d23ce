/** What chapters stand on. */
import type { Scene } from "./types.ts";

/** Of `ip address show eth0`, busybox's and iproute2's alike. */
const ETH0 =
  /^(?<index>\d+): eth0@if(?<peer>\d+):[\s\S]*?\n\s+link\/ether (?<mac>[\da-f:]{17})[\s\S]*?\n\s+inet (?<address>[\d.]+)\/(?<length>\d+)/m;

/** `ETH0` with its facts called after a container: `index1`, `peer1`, `address1`. */
export const eth0Of = (number: 1 | 2): RegExp =>
  new RegExp(ETH0.source.replace(/\(\?<(index|peer|mac|address|length)>/g, `(?<$1${number}>`), ETH0.flags);

const container = (number: 1 | 2) => ({
  command: `docker run -itd --name=container${number} busybox`,
  undo: `docker rm -f container${number}`,
});

/** Two containers on docker0, with an address each. */
export const CONTAINERS: Scene = {
  name: "containers",
  made: [container(1), container(2)],
  facts: [
    {
      command: "ip -brief -4 address show docker0",
      shows: /^docker0\s+\S+\s+(?<gateway>[\d.]+)\/(?<length>\d+)/m,
    },
    { command: "docker exec container1 ip address show eth0", shows: eth0Of(1) },
    { command: "docker exec container2 ip address show eth0", shows: eth0Of(2) },
  ],
};
