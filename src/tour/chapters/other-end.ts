/** 2: finding the other end of each pair. */
import { drawBridge } from "../drawing.ts";
import { CONTAINERS } from "../scenes.ts";
import type { Chapter, Facts } from "../types.ts";

/** `5: veth12ab@if2: …` */
const hostEnd = (number: 1 | 2) => (facts: Facts) =>
  new RegExp(`^${facts[`peer${number}`]}: (?<veth${number}>veth\\w+)@if${facts[`index${number}`]}:`, "m");

export const otherEnd: Chapter = {
  title: { en: "The other end of the cable", zh: "网线的另一端" },
  about: {
    en: "veth links come in pairs. Each end knows the other by its number (ifindex), so nobody has to guess which veth belongs to which container.",
    zh: "veth 总是成对出现。每一端都记着对端的编号（ifindex），所以不必猜哪个 veth 属于哪个容器。",
  },
  needs: [CONTAINERS],
  programs: { ip: "iproute2", ethtool: "ethtool" },
  steps: [
    {
      will: {
        en: "Ask container1's eth0 for the number of its other end:",
        zh: "查看 container1 的 eth0 的对端编号：",
      },
      command: "docker exec container1 cat /sys/class/net/eth0/iflink",
      shows: [({ peer1 }) => new RegExp(`^${peer1}$`, "m")],
      marks: /\d+/,
      means: {
        en: "The same number that stood behind @if. It counts in the host's namespace.",
        zh: "就是 @if 后面的那个数字。它是宿主机命名空间里的编号。",
      },
    },
    {
      will: { en: "So who is that on the host?", zh: "那么在宿主机上，它是哪个接口？" },
      command: ({ peer1 }) => `ip link | grep -A 1 '^${peer1}:'`,
      shows: [hostEnd(1)],
      marks: /^\d+: veth\w+@if\d+/,
      means: {
        en: "A port of docker0. Behind its own @if stands the number of eth0: the two ends name each other.",
        zh: "是 docker0 的一个端口。它的 @if 后面是 eth0 的编号：两端互相指向对方。",
      },
    },
    {
      will: { en: "The driver says so as well:", zh: "veth 驱动给出的也一样：" },
      command: ({ veth1 }) => `ethtool -S ${veth1} | grep peer_ifindex`,
      shows: [({ index1 }) => new RegExp(`peer_ifindex: ${index1}\\b`)],
      marks: /\d+$/,
      means: { en: "The number of eth0 in container1.", zh: "正是 container1 中 eth0 的编号。" },
    },
    {
      will: { en: "container2's, in the same way:", zh: "用同样的办法找 container2 的：" },
      command: ({ peer2 }) => `ip link | grep -A 1 '^${peer2}:'`,
      shows: [hostEnd(2)],
      marks: /^\d+: veth\w+@if\d+/,
      means: { en: "The other port.", zh: "另一个端口。" },
    },
    {
      will: {
        en: "Which addresses has the bridge learnt, and on which port? It forwards by these, as switches do:",
        zh: "网桥在哪个端口上学到了哪些 MAC 地址？和交换机一样，它就按这张表转发：",
      },
      command: ({ veth1, veth2, address2 }) =>
        `docker exec container1 ping -c 1 -q ${address2} > /dev/null; bridge fdb show br docker0 | grep -E '${veth1}|${veth2}' | grep -v permanent`,
      shows: [({ mac1, veth1 }) => new RegExp(`^${mac1} dev ${veth1}\\b`, "m")],
      marks: ({ mac1 }) => new RegExp(`^${mac1} dev \\S+`),
      means: {
        en: "container1's MAC address lies behind its own cable.",
        zh: "container1 的 MAC 地址就在它自己那根网线的那一端。",
      },
    },
  ],
  picture: (facts) => {
    const { gateway, length, veth1, veth2, index1, index2, peer1, peer2, address1, address2 } = facts;
    return drawBridge(
      { title: "container1", name: "eth0", index: index1, peer: peer1, address: address1 },
      { name: "docker0", address: `${gateway}/${length}` },
      [`${peer1}: ${veth1}@if${index1}`, `${peer2}: ${veth2}@if${index2}`],
      { title: "container2", name: "eth0", index: index2, peer: peer2, address: address2 },
    );
  },
};
