/** 4: two bare namespaces joined by one pair. */
import { beside, endBox } from "../drawing.ts";
import type { Chapter } from "../types.ts";

const [LEFT, RIGHT] = ["192.0.2.1", "192.0.2.2"];

export const bareNamespaces: Chapter = {
  title: { en: "Two bare namespaces, one cable", zh: "两个裸命名空间，一根网线" },
  about: {
    en: "No container, no bridge: what a container engine does, by hand. (192.0.2.0/24 is set aside for documentation, RFC 5737.)",
    zh: "没有容器，也没有网桥：把容器引擎做的事亲手做一遍。（192.0.2.0/24 是专供文档使用的地址，见 RFC 5737。）",
  },
  needs: [],
  programs: { ip: "iproute2", ping: "iputils-ping" },
  steps: [
    {
      will: { en: "A namespace, as empty as they come:", zh: "一个空空如也的命名空间：" },
      command: "ip netns add tour-left && ip netns exec tour-left ip -brief link",
      shows: [/^lo\s+DOWN/m],
      marks: /^lo\s+DOWN/,
      means: { en: "Only lo, and even that is down.", zh: "只有 lo，而且连它也没有启用。" },
      undo: "ip netns del tour-left",
    },
    {
      will: {
        en: "A second one, and a pair of veth that is born with an end in each:",
        zh: "再来一个，然后创建一个 veth 对，创建时两端就分属两边：",
      },
      command:
        "ip netns add tour-right && ip link add cable netns tour-left type veth peer name cable netns tour-right && ip -n tour-left link show cable",
      shows: [/^(?<leftIndex>\d+): cable@if(?<rightIndex>\d+):/m],
      marks: /cable@if\d+/,
      means: {
        en: "Both ends are called cable: names count within a namespace only.",
        zh: "两端都叫 cable：接口名只在各自的命名空间内有意义。",
      },
      undo: "ip netns del tour-right",
    },
    {
      will: { en: "An address each, and both ends up:", zh: "各配一个地址，两端都启用：" },
      command: `for end in left:${LEFT} right:${RIGHT}; do ip -n tour-\${end%%:*} address add \${end#*:}/30 dev cable; ip -n tour-\${end%%:*} link set cable up; done; sleep 0.2; ip -n tour-left -brief -4 address`,
      shows: [/cable@if\d+\s+UP\s+192\.0\.2\.1\/30/],
      marks: /UP\s+\S+/,
      means: { en: "The cable is plugged in at both ends.", zh: "网线两端都插好了。" },
    },
    {
      will: { en: "Does left reach right?", zh: "左边能到达右边吗？" },
      command: `ip netns exec tour-left ping -c 2 -i 0.2 ${RIGHT}`,
      shows: [/2 received/],
      marks: /bytes from [\d.]+/,
      means: {
        en: "Yes. A container's network is this, and a bridge.",
        zh: "能。容器的网络不过如此，再加一个网桥。",
      },
    },
    {
      will: { en: "And the host?", zh: "那么宿主机呢？" },
      command: "ip link show cable || echo 'not here'",
      shows: [/not here/],
      marks: /does not exist|not here/,
      means: {
        en: "The host sees neither end: what is in other namespaces is out of its sight.",
        zh: "宿主机哪一端都看不到：别的命名空间里的接口，它看不见。",
      },
    },
  ],
  picture: ({ leftIndex, rightIndex }) =>
    beside(
      [
        endBox({
          title: "tour-left",
          name: "cable",
          index: leftIndex,
          peer: rightIndex,
          address: `${LEFT}/30`,
        }),
        endBox({
          title: "tour-right",
          name: "cable",
          index: rightIndex,
          peer: leftIndex,
          address: `${RIGHT}/30`,
        }),
      ],
      1,
      "══veth══",
    ),
};
