/** 1: two containers on docker0. */
import { drawBridge } from "../drawing.ts";
import { eth0Of } from "../scenes.ts";
import type { Chapter } from "../types.ts";

export const twoContainers: Chapter = {
  title: { en: "Two containers on docker0", zh: "docker0 上的两个容器" },
  about: {
    en: "A bridge is a switch inside the kernel. Every container that asks for nothing else gets a cable to docker0.",
    zh: "网桥就是内核里的一台交换机。没有另行指定网络的容器，都有一根“网线”插在 docker0 上。",
  },
  needs: [],
  programs: { ip: "iproute2" },
  steps: [
    {
      will: { en: "Which networks are there, before any container?", zh: "还没有任何容器时，有哪些网络？" },
      command: "docker network ls",
      shows: [/\bbridge\s+bridge\s+local/, /\bhost\s+host\s+local/, /\bnone\s+null\s+local/],
      marks: /\bbridge\s+bridge\b/,
      means: {
        en: "Three that are always there. The one called bridge is docker0.",
        zh: "这三个网络总是存在的。名为 bridge 的那个就是 docker0。",
      },
    },
    {
      will: {
        en: "docker0 itself is a link of the host, with an address:",
        zh: "docker0 本身是宿主机的一个网络接口，有自己的地址：",
      },
      command: "ip -brief -4 address show docker0",
      shows: [/^docker0\s+\S+\s+(?<gateway>[\d.]+)\/(?<length>\d+)/m],
      marks: /[\d.]+\/\d+/,
      means: {
        en: "That address is the containers' way out: their default gateway.",
        zh: "容器就从这个地址通往外界：它是容器的默认网关。",
      },
    },
    {
      will: {
        en: "Start a container. Nobody says which network, so it is docker0.",
        zh: "启动一个容器。没有指定网络，所以接到 docker0。",
      },
      command: "docker run -itd --name=container1 busybox",
      shows: [/^[\da-f]{64}$/m],
      means: { en: "That is its id.", zh: "这是它的 ID。" },
      undo: "docker rm -f container1",
    },
    {
      will: { en: "And a second one.", zh: "再启动一个。" },
      command: "docker run -itd --name=container2 busybox",
      shows: [/^[\da-f]{64}$/m],
      means: { en: "Both run.", zh: "两个都在运行了。" },
      undo: "docker rm -f container2",
    },
    {
      will: { en: "What is plugged into docker0 now?", zh: "现在 docker0 上接着什么？" },
      command: "ip -brief link show master docker0",
      shows: [/^veth\S+[\s\S]*^veth\S+/m],
      marks: /^veth\w+/,
      means: {
        en: "A veth for each: one end of a cable, whose other end is in a container.",
        zh: "每个容器对应一个 veth：它是网线的一端，另一端在容器里。",
      },
    },
    {
      will: {
        en: "Inside container1, the other end is called eth0:",
        zh: "在 container1 里，另一端叫 eth0：",
      },
      command: "docker exec container1 ip address show eth0",
      shows: [eth0Of(1)],
      marks: /eth0@if\d+|inet [\d.]+/,
      means: {
        en: "It has an address of docker0's subnet. Behind @if stands the number of its other end: the next chapter follows it.",
        zh: "它的地址属于 docker0 的子网。@if 后面的数字是对端的编号，下一章就顺着它找过去。",
      },
    },
    {
      will: { en: "The same in container2:", zh: "container2 里也是如此：" },
      command: "docker exec container2 ip address show eth0",
      shows: [eth0Of(2)],
      marks: /eth0@if\d+|inet [\d.]+/,
      means: { en: "Another address, another cable.", zh: "另一个地址，另一根网线。" },
    },
    {
      will: { en: "Does container1 reach container2?", zh: "container1 能到达 container2 吗？" },
      command: ({ address2 }) => `docker exec container1 ping -c 2 ${address2}`,
      shows: [/2 packets received/],
      marks: /bytes from [\d.]+/,
      means: {
        en: "Yes: eth0, along the cable, through docker0, along the other cable.",
        zh: "能：从 eth0 出发，经网线到 docker0，再经另一根网线到达。",
      },
    },
    {
      will: { en: "And its gateway?", zh: "那么网关呢？" },
      command: ({ gateway }) => `docker exec container1 ping -c 1 ${gateway}`,
      shows: [/1 packets received/],
      marks: /bytes from [\d.]+/,
      means: { en: "That is docker0, and so the host itself.", zh: "网关就是 docker0，也就是宿主机自己。" },
    },
  ],
  picture: ({ gateway, length, address1, address2 }) =>
    drawBridge(
      { title: "container1", name: "eth0", address: address1 },
      { name: "docker0", address: `${gateway}/${length}` },
      [undefined, undefined],
      { title: "container2", name: "eth0", address: address2 },
    ),
};
