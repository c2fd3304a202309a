/** What is said of packets that cannot be delivered; ICMP knows how. */
import type { PacketQuote } from './packet.ts';

/** Why a destination cannot be reached, as the guest's system calls will say it. */
export type UnreachableReason = 'net' | 'host' | 'protocol' | 'port' | 'admin-prohibited';

/** What others say of packets of ours that they could not deliver. */
export type DeliveryError = UnreachableReason | 'too-big' | 'time-exceeded' | 'parameter-problem';

/** Codes of ICMPv6 parameter problem (RFC 4443 3.4, RFC 7112 5). */
export const PROBLEM_FIELD = 0;
export const PROBLEM_NEXT_HEADER = 1;
export const PROBLEM_OPTION = 2;
export const PROBLEM_INCOMPLETE_CHAIN = 3;

export interface ErrorReporter {
  unreachable(quote: PacketQuote, reason: UnreachableReason): void;
  /** Fragments are missing, but the first has come. */
  reassemblyTimeout(quote: PacketQuote): void;
  /** IPv6 alone. @param pointer offset within the packet of what is wrong */
  parameterProblem(quote: PacketQuote, code: number, pointer: number): void;
}
