/** A program of the host at a port that is published: two who claim the same. */
import { sameAddress } from "../../lib/ip.ts";
import type { ListeningSocket } from "../../observe/types.ts";
import { type Published, publishedPorts, shownPort, shownSocket, socketsAt } from "../facts/ports.ts";
import type { Check, Patient, SocketHolder } from "../types.ts";

const NAME = "port-shadowed";

/** Who holds published ports for engines. */
const HOLDERS = /^(docker-proxy|dockerd|containerd|conmon|podman|rootlessport|slirp4netns|pasta|drawbridge)/;

export const portShadowed: Check = {
  name: NAME,
  title: "no program of the host listens at a port that a container has published",
  reports: [
    {
      title: "Error when run the docker daemon: bind: address already in use",
      url: "https://github.com/nginx-proxy/nginx-proxy/issues/540",
    },
    {
      title: "[1.11.2] Published Port not accessible via localhost",
      url: "https://github.com/moby/moby/issues/23730",
    },
  ],
  looksAt: "both",
  look: (patient) =>
    publishedPorts(patient).flatMap((published) =>
      strangers(patient, published).map(({ socket, holder }) => {
        const { resident, host, port } = published;
        const what = `${host.port}/${port.protocol}`;
        return {
          check: NAME,
          severity: "risk",
          title: `${holder.name} (pid ${holder.pid}) of this machine listens at ${what}, which is published for ${resident.of.name}`,
          evidence: [
            `published: ${shownPort(published)}`,
            `${shownSocket(socket)} users:(("${holder.name}",pid=${holder.pid}))`,
            holder.command,
          ],
          cause:
            "The engine's translation comes before sockets: who comes from elsewhere gets the container, and who asks on this machine may get the other program. It took the port while no engine held it, or at another address.",
          fixes: [
            {
              command: `kill ${holder.pid}`,
              does: "ends the other program; or publish the container at another port",
              safe: false,
            },
          ],
          about: { namespace: patient.host.id, container: resident.of.name },
        };
      }),
    ),
};

function strangers(
  { host, tools }: Patient,
  { host: at, port }: Published,
): readonly { readonly socket: ListeningSocket; readonly holder: SocketHolder }[] {
  const meets = ({ address }: ListeningSocket) =>
    address === undefined || at.address === undefined || sameAddress(address, at.address);
  return socketsAt(host, port.protocol, at.port)
    .filter(meets)
    .flatMap((socket) => {
      const holder = tools.holderOf(socket.inode);
      return holder && !isEngine(holder) ? [{ socket, holder }] : [];
    });
}

/** An engine in Node or Python has its interpreter's name. */
const isEngine = ({ name, command }: SocketHolder): boolean =>
  HOLDERS.test(name) || /\b(drawbridge|podman|dockerd)\b/.test(command);
