/** 6: why a packet does not arrive, and who says so. */
import { box } from "../drawing.ts";
import { CONTAINERS } from "../scenes.ts";
import type { Chapter } from "../types.ts";

export const whyNot: Chapter = {
  title: { en: "Why it does not get there", zh: "为什么到不了" },
  about: {
    en: "Networks keep their containers apart. Most hours lost with containers are lost here, so ask the kernel rather than guess.",
    zh: "不同的网络，容器之间是隔离的。折腾容器耗掉的时间，多半耗在这里。与其猜，不如问内核。",
  },
  needs: [CONTAINERS],
  programs: {},
  steps: [
    {
      will: { en: "A network of its own:", zh: "另建一个网络：" },
      command: "docker network create tour-net",
      shows: [/^[\da-f]{64}$/m],
      means: { en: "Another bridge, another subnet.", zh: "另一个网桥，另一个子网。" },
      undo: "docker network rm tour-net",
    },
    {
      will: { en: "And a container on it:", zh: "在这个网络上启动一个容器：" },
      command:
        "docker run -itd --name=container3 --network tour-net busybox > /dev/null && docker exec container3 ip -4 address show eth0",
      shows: [/inet (?<address3>[\d.]+)\//],
      marks: /inet [\d.]+/,
      means: { en: "container3 has an address over there.", zh: "container3 的地址属于那边的子网。" },
      undo: "docker rm -f container3",
    },
    {
      will: { en: "Does container1 reach it?", zh: "container1 能到达它吗？" },
      command: ({ address3 }) => `docker exec container1 ping -c 1 -W 1 ${address3} || echo "exit code $?"`,
      shows: [/0 packets received/, /exit code 1/],
      marks: /100% packet loss/,
      means: { en: "No. And ping can't say why.", zh: "不能。而 ping 说不出为什么。" },
    },
    {
      will: { en: "The kernel can:", zh: "内核能说出来：" },
      command: 'drawbridge trace container1 container3 || echo "exit code $?"',
      shows: [/exit code 1/, /dropped/],
      marks: /dropped.*/,
      means: {
        en: "Where it died, by which rule, and what would let it pass.",
        zh: "在哪里被丢弃，被哪条规则丢弃，怎样才能放行。",
      },
    },
    {
      will: {
        en: "Do as it says: plug container1 into that network as well.",
        zh: "照它说的做：把 container1 也接入那个网络。",
      },
      command: "docker network connect tour-net container1 && docker exec container1 ip -4 address show eth1",
      shows: [/eth1/],
      marks: /eth1/,
      means: { en: "A second cable: eth1.", zh: "第二根网线：eth1。" },
      undo: "docker network disconnect tour-net container1",
    },
    {
      will: { en: "And now, by name:", zh: "现在再试一次，这回用名字：" },
      command: "docker exec container1 ping -c 1 container3",
      shows: [/1 packets received/],
      marks: /bytes from [\d.]+/,
      means: {
        en: "It arrives. On networks of one's own, names come with it.",
        zh: "到了。在自定义网络上，还可以直接使用容器名。",
      },
    },
  ],
  picture: ({ address1, address3 }) =>
    box("host", [
      `container1  eth0 ${address1}  ══  docker0`,
      "            eth1              ══  tour-net  ══  container3",
      `${" ".repeat(47)}eth0 ${address3}`,
    ]).join("\n"),
};
