/**
 * A program for inside a namespace whose port 53 of an address is another port in truth: what it hears there, and
 * what a program of its own on 0.0.0.0:53 hears beside it. It prints answers as JSON.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import process from "node:process";
import { text } from "node:stream/consumers";

const [address = "", port = ""] = process.argv.slice(2);

async function serve(name: string, host: string, on: number): Promise<void> {
  const udp = createSocket("udp4");
  udp.on("message", (_, from) => udp.send(name, from.port, from.address));
  udp.bind(on, host);
  const tcp = createServer((stream) => stream.end(name));
  tcp.listen(on, host);
  await Promise.all([once(udp, "listening"), once(tcp, "listening")]);
}

async function askUdp(host: string): Promise<string> {
  const socket = createSocket("udp4");
  socket.send("?", 53, host);
  const [answer, from] = await once(socket, "message");
  socket.close();
  return `${answer} ${from.address}:${from.port}`;
}

const askTcp = (host: string): Promise<string> => text(connect(53, host));

await serve("resolver", address, Number(port));
await serve("program", "0.0.0.0", 53);
const heard = {
  udp: [await askUdp(address), await askUdp("127.0.0.1")],
  tcp: [await askTcp(address), await askTcp("127.0.0.1")],
};
process.stdout.write(JSON.stringify(heard), () => process.exit());
