/** All verbs, each a file of its own that is read when it is asked for. */
import type { Verb } from "./verb.ts";

type Load = () => Promise<{ readonly default: Verb }>;

export interface Entry {
  /** As in help; for others it is an alias. */
  readonly path: string;
  readonly about: string;
  readonly aliases: readonly string[];
  readonly load: Load;
}

const entry = (paths: string, about: string, load: Load): Entry => {
  const [path = "", ...aliases] = paths.split(", ");
  return { path, about, aliases, load };
};

export const ENTRIES: readonly Entry[] = [
  entry("run, container run", "Create and run a new container from an image", () => import("./run.ts")),
  entry("build, image build, builder build", "Build an image from a Dockerfile", () => import("./build.ts")),
  entry("exec, container exec", "Execute a command in a running container", () => import("./exec.ts")),
  entry("ps, container ls, container list, container ps", "List containers", () => import("./ps.ts")),
  entry("images, image ls, image list", "List images", () => import("./images.ts")),
  entry("version", "Show the Drawbridge version information", () => import("./version.ts")),
  entry("info, system info", "Display system-wide information", () => import("./info.ts")),
  entry("network connect", "Connect a container to a network", () => import("./network-connect.ts")),
  entry("network create", "Create a network", () => import("./network-create.ts")),
  entry(
    "network disconnect",
    "Disconnect a container from a network",
    () => import("./network-disconnect.ts"),
  ),
  entry(
    "network inspect",
    "Display detailed information on one or more networks",
    () => import("./network-inspect.ts"),
  ),
  entry("network ls, network list", "List networks", () => import("./network-ls.ts")),
  entry("network prune", "Remove all unused networks", () => import("./network-prune.ts")),
  entry("network rm, network remove", "Remove one or more networks", () => import("./network-rm.ts")),
  entry("volume create", "Create a volume", () => import("./volume-create.ts")),
  entry(
    "volume inspect",
    "Display detailed information on one or more volumes",
    () => import("./volume-inspect.ts"),
  ),
  entry("volume ls, volume list", "List volumes", () => import("./volume-ls.ts")),
  entry("volume prune", "Remove unused local volumes", () => import("./volume-prune.ts")),
  entry("volume rm, volume remove", "Remove one or more volumes", () => import("./volume-rm.ts")),
  entry(
    "container inspect",
    "Display detailed information on one or more containers",
    () => import("./container-inspect.ts"),
  ),
  entry(
    "image inspect",
    "Display detailed information on one or more images",
    () => import("./image-inspect.ts"),
  ),
  entry(
    "attach, container attach",
    "Attach local standard input, output, and error streams to a running container",
    () => import("./attach.ts"),
  ),
  entry("builder prune", "Remove build cache", () => import("./builder-prune.ts")),
  entry(
    "capture",
    "Show or record the packets of a container, a network, a link or a whole path",
    () => import("./capture.ts"),
  ),
  entry("completion", "Print a completion script for bash, zsh or fish", () => import("./completion.ts")),
  entry(
    "commit, container commit",
    "Create a new image from a container's changes",
    () => import("./commit.ts"),
  ),
  entry("container prune", "Remove all stopped containers", () => import("./container-prune.ts")),
  entry(
    "cp, container cp",
    "Copy files/folders between a container and the local filesystem",
    () => import("./cp.ts"),
  ),
  entry("create, container create", "Create a new container", () => import("./create.ts")),
  entry("daemon", "Run the engine", () => import("./daemon.ts")),
  entry(
    "diff, container diff",
    "Inspect changes to files or directories on a container's filesystem",
    () => import("./diff.ts"),
  ),
  entry(
    "doctor",
    "Find out why containers' networks don't work, and how to mend it",
    () => import("./doctor.ts"),
  ),
  entry("events, system events", "Get real time events from the server", () => import("./events.ts")),
  entry(
    "export, container export",
    "Export a container's filesystem as a tar archive",
    () => import("./export.ts"),
  ),
  entry(
    "import, image import",
    "Import the contents from a tarball to create a filesystem image",
    () => import("./import.ts"),
  ),
  entry("history, image history", "Show the history of an image", () => import("./history.ts")),
  entry("image prune", "Remove unused images", () => import("./image-prune.ts")),
  entry("load, image load", "Load an image from a tar archive or STDIN", () => import("./load.ts")),
  entry(
    "save, image save",
    "Save one or more images to a tar archive (streamed to STDOUT by default)",
    () => import("./save.ts"),
  ),
  entry("tag, image tag", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", () => import("./tag.ts")),
  entry("inspect", "Return low-level information on Drawbridge objects", () => import("./inspect.ts")),
  entry(
    "pause, container pause",
    "Pause all processes within one or more containers",
    () => import("./pause.ts"),
  ),
  entry(
    "unpause, container unpause",
    "Unpause all processes within one or more containers",
    () => import("./unpause.ts"),
  ),
  entry(
    "stats, container stats",
    "Display a live stream of container(s) resource usage statistics",
    () => import("./stats.ts"),
  ),
  entry("top, container top", "Display the running processes of a container", () => import("./top.ts")),
  entry("tour", "Walk through how a container's network works, on this machine", () => import("./tour.ts")),
  entry("trace", "Show what becomes of a packet, hop by hop, and prove it", () => import("./trace.ts")),
  entry(
    "update, container update",
    "Update configuration of one or more containers",
    () => import("./update.ts"),
  ),
  entry("kill, container kill", "Kill one or more running containers", () => import("./kill.ts")),
  entry("logs, container logs", "Fetch the logs of a container", () => import("./logs.ts")),
  entry(
    "port, container port",
    "List port mappings or a specific mapping for the container",
    () => import("./port.ts"),
  ),
  entry("map", "Draw this machine's networks and who is on them", () => import("./map.ts")),
  entry("port add", "Publish more ports of a running container", () => import("./port-add.ts")),
  entry("port rm, port remove", "Close published ports of a running container", () => import("./port-rm.ts")),
  entry("login", "Authenticate to a registry", () => import("./login.ts")),
  entry("logout", "Log out from a registry", () => import("./logout.ts")),
  entry("pull, image pull", "Download an image from a registry", () => import("./pull.ts")),
  entry("push, image push", "Upload an image to a registry", () => import("./push.ts")),
  entry("rename, container rename", "Rename a container", () => import("./rename.ts")),
  entry("restart, container restart", "Restart one or more containers", () => import("./restart.ts")),
  entry("rm, container rm, container remove", "Remove one or more containers", () => import("./rm.ts")),
  entry("rmi, image rm, image remove", "Remove one or more images", () => import("./rmi.ts")),
  entry("start, container start", "Start one or more stopped containers", () => import("./start.ts")),
  entry("stop, container stop", "Stop one or more running containers", () => import("./stop.ts")),
  entry("system df", "Show disk usage", () => import("./system-df.ts")),
  entry("system prune", "Remove unused data", () => import("./system-prune.ts")),
  entry(
    "wait, container wait",
    "Block until one or more containers stop, then print their exit codes",
    () => import("./wait.ts"),
  ),
];

export const GROUPS: ReadonlyMap<string, string> = new Map([
  ["builder", "Manage builds"],
  ["container", "Manage containers"],
  ["image", "Manage images"],
  ["network", "Manage networks"],
  ["system", "Manage Drawbridge"],
  ["volume", "Manage volumes"],
]);

/** The entry that the words begin with, and how many of them name it. */
export function findEntry(
  words: readonly string[],
): { readonly entry: Entry; readonly length: number } | undefined {
  // The longer name first: `port add` is a verb, and `port` is one for any other word.
  for (const length of [2, 1]) {
    const path = words.slice(0, length).join(" ");
    const found = ENTRIES.find((one) => one.path === path || one.aliases.includes(path));
    if (found) return { entry: found, length };
  }
  return undefined;
}

/** What stands in a group, by last word; of the root those of one word. */
export function membersOf(group: string | undefined): readonly (readonly [string, string])[] {
  const members: (readonly [string, string])[] = [];
  for (const { path, aliases, about } of ENTRIES) {
    const name = [path, ...aliases].find((one) =>
      group === undefined ? !one.includes(" ") : one.startsWith(`${group} `),
    );
    if (name) members.push([name.slice(group === undefined ? 0 : group.length + 1), about]);
  }
  return members;
}
