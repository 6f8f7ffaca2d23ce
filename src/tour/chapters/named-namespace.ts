/** 3: the link into a named namespace. */
import { box } from "../drawing.ts";
import { CONTAINERS } from "../scenes.ts";
import type { Chapter } from "../types.ts";

export const namedNamespace: Chapter = {
  title: { en: "A namespace gets a name", zh: "给命名空间起个名字" },
  about: {
    en: "A container's network is an ordinary network namespace. `ip netns` does not list it, only because nothing in /run/netns leads to it. A link is enough.",
    zh: "容器的网络就是一个普通的网络命名空间。`ip netns` 没有列出它，只是因为 /run/netns 里没有任何东西指向它。建一个符号链接就够了。",
  },
  needs: [CONTAINERS],
  programs: { ip: "iproute2" },
  steps: [
    {
      will: { en: "Where is container1's namespace kept?", zh: "container1 的命名空间保存在哪里？" },
      command: "docker inspect -f '{{.NetworkSettings.SandboxKey}}' container1",
      shows: [/^(?<sandbox>\/\S+)$/m],
      marks: /\S+/,
      means: {
        en: "A file that the engine has bind-mounted the namespace on, so that it has a path.",
        zh: "引擎把命名空间绑定挂载（bind mount）到了这个文件上，于是它有了路径。",
      },
    },
    {
      will: {
        en: "Is that the very namespace that the container's process is in? Both have a number:",
        zh: "它真的就是容器进程所在的那个命名空间吗？两边都有编号（inode），对比一下：",
      },
      command: ({ sandbox }) =>
        `stat -L -c %i ${sandbox}; readlink /proc/$(docker inspect -f '{{.State.Pid}}' container1)/ns/net`,
      shows: [/^(?<inode>\d+)\nnet:\[\k<inode>\]$/m],
      marks: /\d+/,
      means: { en: "The same number: the same namespace.", zh: "编号相同：同一个命名空间。" },
    },
    {
      will: { en: "Put a link where `ip netns` looks:", zh: "在 `ip netns` 查找的目录里建一个符号链接：" },
      command: ({ sandbox }) => `mkdir -p /run/netns && ln -s ${sandbox} /run/netns/container1 && ip netns`,
      shows: [/^container1\b/m],
      marks: /^container1/,
      means: { en: "Now it has a name.", zh: "现在它有名字了。" },
      undo: "rm -f /run/netns/container1",
    },
    {
      will: { en: "The host's own `ip`, run inside it:", zh: "在这个命名空间里运行宿主机自己的 `ip`：" },
      command: "ip netns exec container1 ip -brief address",
      shows: [({ address1, peer1 }) => new RegExp(`eth0@if${peer1}\\s+UP\\s+${address1}/`)],
      marks: /eth0@if\d+|[\d.]+\/\d+/,
      means: {
        en: "container1's eth0, seen by a program that isn't in its image. So tcpdump, ss or nft work there as well.",
        zh: "看到的是 container1 的 eth0，而运行的程序并不在它的镜像里。tcpdump、ss、nft 也都可以这样用。",
      },
    },
    {
      will: { en: "Its routes:", zh: "它的路由：" },
      command: "ip netns exec container1 ip route",
      shows: [({ gateway }) => new RegExp(`^default via ${gateway?.replaceAll(".", "\\.")} dev eth0`, "m")],
      marks: /^default via \S+/,
      means: {
        en: "Neighbours directly, everything else by docker0.",
        zh: "同一子网内直接到达，其余的都经由 docker0。",
      },
    },
  ],
  picture: ({ sandbox, inode, address1, peer1 }) =>
    box("namespace", [
      `/run/netns/container1 -> ${sandbox}`,
      `net:[${inode}]`,
      `eth0@if${peer1}  ${address1}`,
    ]).join("\n"),
};
