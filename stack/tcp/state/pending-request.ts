/**
 * A SYN that waits for the application's decision: what of it is needed later.
 *
 * No SYN-ACK has gone out, so the guest still waits in SYN-SENT, and may be
 * answered in any way: taken, refused, told that nobody is there, or left alone.
 */
import type { Flow } from '../../ip/packet/flow.ts';
import type { PacketQuote } from '../../ip/packet/packet.ts';
import type { AgeEntry } from '../../storage/age-list.ts';
import { SynOptions } from '../segment/options.ts';
import type { Segment } from '../segment/segment.ts';

export class PendingRequest implements AgeEntry<PendingRequest> {
  older: PendingRequest | null = null;
  younger: PendingRequest | null = null;
  expiresAt: number;
  readonly flow: Flow;
  readonly irs: number;
  readonly window: number;
  readonly options = new SynOptions();
  /** Of its packet, for an ICMP error. */
  readonly quote: PacketQuote;
  /** SND.NXT of a connection of the same flow that this one follows at once, or null. */
  readonly followsSndNxt: number | null;
  abandoned: (() => void) | null = null;
  pending = true;

  constructor(
    flow: Flow,
    segment: Segment,
    quote: PacketQuote,
    followsSndNxt: number | null,
    expiresAt: number,
  ) {
    this.flow = flow;
    this.irs = segment.sequence;
    this.window = segment.window;
    this.options.copyFrom(segment.synOptions);
    this.quote = quote;
    this.followsSndNxt = followsSndNxt;
    this.expiresAt = expiresAt;
  }
}
