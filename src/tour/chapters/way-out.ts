/** 5: the way out by NAT. */
import { beside, box, endBox } from "../drawing.ts";
import { CONTAINERS } from "../scenes.ts";
import type { Chapter } from "../types.ts";

const [HOST, OUTSIDE] = ["198.51.100.1", "198.51.100.2"];

export const wayOut: Chapter = {
  title: { en: "The way out", zh: "通往外界" },
  about: {
    en: "Nobody outside knows the way to a container's address. And yet answers come back. To see how, a small outside is made: a namespace with a cable to the host. (198.51.100.0/24 is for documentation as well.)",
    zh: "外面谁也没有通往容器地址的路由，可是应答却能回来。为了看清楚，先造一个小小的“外界”：一个命名空间，用一根网线连到宿主机。（198.51.100.0/24 也是专供文档使用的地址。）",
  },
  needs: [CONTAINERS],
  programs: { ip: "iproute2", nft: "nftables" },
  steps: [
    {
      will: { en: "The outside, and a cable from the host:", zh: "造出这个外界，从宿主机拉一根网线过去：" },
      command: `ip netns add tour-outside && ip link add tour-uplink type veth peer name eth0 netns tour-outside && ip address add ${HOST}/30 dev tour-uplink && ip link set tour-uplink up && ip -n tour-outside address add ${OUTSIDE}/30 dev eth0 && ip -n tour-outside link set eth0 up && ip -n tour-outside route`,
      shows: [/^198\.51\.100\.0\/30 dev eth0/m],
      hides: [/172\.17\.|default/],
      marks: /^198\.51\.100\.0\/30/,
      means: {
        en: "It knows one subnet: the cable's. It has no way to container1.",
        zh: "它只知道一个子网，就是这根网线所在的子网。它没有到 container1 的路由。",
      },
      undo: "ip link del tour-uplink; ip netns del tour-outside",
    },
    {
      will: { en: "container1 asks it all the same:", zh: "container1 照样去 ping 它：" },
      command: `docker exec container1 ping -c 2 ${OUTSIDE}`,
      shows: [/2 packets received/],
      marks: /bytes from [\d.]+/,
      means: {
        en: "Answered. So the question cannot have come with container1's own address.",
        zh: "有应答。可见请求到达时，源地址已经不是 container1 自己的了。",
      },
    },
    {
      will: {
        en: "Every hop of that way, predicted and then proved with a real packet:",
        zh: "逐跳看清这条路：先预测，再用真实的数据包证实：",
      },
      command: `drawbridge trace container1 ${OUTSIDE}`,
      shows: [({ address1 }) => new RegExp(`${address1}[\\s\\S]*${HOST.replaceAll(".", "\\.")}`)],
      marks: new RegExp(`${HOST.replaceAll(".", "\\.")}|masquerade`),
      means: {
        en: "On its way out the host put its own address in the place of container1's: source NAT. The answer comes to the host, which remembers whom it is for.",
        zh: "数据包离开时，宿主机用自己的地址替换了 container1 的地址：这就是源地址转换（SNAT）。应答先回到宿主机，宿主机记得该转给谁。",
      },
    },
    {
      will: { en: "The rule that does it:", zh: "完成这次转换的规则：" },
      command: "nft list chain inet drawbridge postrouting",
      shows: [/masquerade/],
      marks: /masquerade/,
      means: {
        en: "It was there before any container, and none adds another.",
        zh: "在任何容器出现之前它就在了，容器再多也不会多出一条。",
      },
    },
  ],
  picture: ({ address1, gateway, length }) =>
    beside(
      [
        endBox({ title: "container1", name: "eth0", address: address1 }),
        box("host", [`docker0 ── NAT ── tour-uplink`, `${gateway}/${length}   ${HOST}/30`]),
        endBox({ title: "tour-outside", name: "eth0", address: OUTSIDE }),
      ],
      1,
      "══veth══",
    ),
};
