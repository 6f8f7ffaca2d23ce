/** A question to a name server, from a namespace. */
import { randomInt } from "node:crypto";
import { closeSync } from "node:fs";
import { decodeAnswer, encodeQuestion } from "../../lib/dns-question.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Address } from "../../lib/ip.ts";
import { DNS_PORT } from "../../lib/protocols.ts";
import { connectDatagram, receiveDatagram, sendDatagram } from "../../linux/datagram.ts";
import { inNamespace } from "../../linux/netns.ts";
import type { NetnsPath } from "../../linux/plan.ts";
import type { NameAnswer } from "../types.ts";
import { until } from "./until.ts";

/** Milliseconds that a resolver has: glibc gives it five seconds, and people don't wait that long. */
const PATIENCE = 900;
/** After which the question is asked once more: one datagram may be lost. */
const AGAIN = 300;
const SIZE = 1500;

/** @param path of the namespace */
export async function askName(path: NetnsPath, server: Address, name: string): Promise<NameAnswer> {
  const began = performance.now();
  const buffer = new Uint8Array(SIZE);
  const id = randomInt(0x10000);
  let fd: number | undefined;
  try {
    const socket = inNamespace(path, () => connectDatagram({ address: server, port: DNS_PORT }));
    fd = socket;
    const receive = () => {
      const length = receiveDatagram(socket, buffer);
      const answer = length === undefined ? undefined : decodeAnswer(buffer.subarray(0, length));
      return answer?.id === id ? answer : undefined;
    };
    const query = encodeQuestion(id, name, 4);
    sendDatagram(socket, query);
    let answer = await until(receive, AGAIN);
    if (!answer) {
      sendDatagram(socket, query);
      answer = await until(receive, PATIENCE - AGAIN);
    }
    if (answer) {
      const { code, addresses } = answer;
      return { answered: true, code, addresses, took: performance.now() - began };
    }
    return { answered: false, why: `no answer within ${PATIENCE} ms` };
  } catch (thrown) {
    return { answered: false, why: messageOf(thrown) };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
