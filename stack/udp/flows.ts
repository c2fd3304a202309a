/**
 * Which datagrams were sent lately, by their four ends: what an ICMP error must
 * quote to be believed. A flow is forgotten `udpFlowTimeoutMs` after its last
 * datagram; past `maxUdpFlows` the one idle for longest is.
 */
import type { Clock } from '../clock.ts';
import { FlowMap } from '../ip/packet/flow-map.ts';
import { Flow } from '../ip/packet/flow.ts';
import type { InboundPacket } from '../ip/packet/packet.ts';
import type { Path } from '../ip/path/path.ts';
import type { StackLimits } from '../limits.ts';
import { type AgeEntry, AgeList } from '../storage/age-list.ts';

class UdpFlow implements AgeEntry<UdpFlow> {
  older: UdpFlow | null = null;
  younger: UdpFlow | null = null;
  expiresAt = 0;
  readonly flow: Flow;

  constructor(flow: Flow) {
    this.flow = flow;
  }
}

export class UdpFlows {
  readonly #limits: StackLimits;
  readonly #clock: Clock;
  readonly #flows: FlowMap<UdpFlow>;
  readonly #byAge = new AgeList<UdpFlow>();

  constructor(limits: StackLimits, clock: Clock, seed: number) {
    this.#limits = limits;
    this.#clock = clock;
    this.#flows = new FlowMap(seed);
  }

  sent(path: Path, localPort: number, remotePort: number): void {
    const flow = new Flow(path, localPort, remotePort);
    let entry = this.#flows.find(flow);
    if (entry === null) {
      this.#expire();
      entry = new UdpFlow(flow);
      this.#flows.set(flow, entry);
    } else {
      this.#byAge.remove(entry);
    }
    entry.expiresAt = this.#clock.nowMs + this.#limits.udpFlowTimeoutMs;
    this.#byAge.add(entry);
    const { oldest } = this.#byAge;
    if (this.#byAge.size > this.#limits.maxUdpFlows && oldest !== null) this.#forget(oldest);
  }

  /** The flow of a datagram from us that an error quotes. */
  find(quoted: InboundPacket): Flow | null {
    const entry = this.#flows.findSent(quoted);
    return entry === null || entry.expiresAt <= this.#clock.nowMs ? null : entry.flow;
  }

  #expire(): void {
    for (;;) {
      const { oldest } = this.#byAge;
      if (oldest === null || oldest.expiresAt > this.#clock.nowMs) return;
      this.#forget(oldest);
    }
  }

  #forget(entry: UdpFlow): void {
    this.#flows.remove(entry.flow);
    this.#byAge.remove(entry);
  }
}
