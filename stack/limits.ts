import { DEFAULT_HOP_LIMIT, IPV4_MIN_MTU } from './wire/ipv4.ts';

export type CongestionControlName = 'cubic' | 'newreno';

/**
 * Every bound of the stack, by name. Past a limit the stack degrades in the
 * way the RFCs allow (drops, closes a window, evicts the oldest) and counts it.
 */
export interface StackLimits {
  /** TCP connections and undecided requests together; past it a SYN is dropped, and its sender tries again. */
  readonly maxConnections: number;
  /** SYNs the application has not decided on; past it the oldest is given up. */
  readonly maxRequests: number;
  /** How long an application may think about a SYN. Linux stops repeating one after 127 s. */
  readonly requestTimeoutMs: number;
  /** Connections in TIME-WAIT; past it the oldest is forgotten. */
  readonly maxTimeWait: number;
  /**
   * 2 MSL (RFC 9293 3.4.2). The RFC's two minutes are for the Internet; this
   * link is one hop without a router, where no segment outlives a second.
   */
  readonly timeWaitMs: number;
  /** Receive buffer of a connection at its start; it doubles while the application keeps up with the peer. */
  readonly receiveBufferInitialBytes: number;
  /** The most it may become, and so the largest window offered. */
  readonly receiveBufferBytes: number;
  /** Receive buffers of all connections together; an eighth of it is for the first bytes of those that hold none. */
  readonly receivePoolBytes: number;
  /** Freed receive blocks kept for the next connection, in bytes. */
  readonly receivePoolIdleBytes: number;
  /** Ranges past a gap that a connection keeps; a segment that would need one more is dropped. */
  readonly maxOutOfOrderRanges: number;
  /** Bytes written and not yet acknowledged, above which `sendRoom` is 0. */
  readonly sendBufferBytes: number;
  /** The same of all connections together; past it each has a buffer of 64 KiB (tcp/state/send-room.ts). */
  readonly sendPoolBytes: number;
  /** Chunks written and not yet acknowledged, above which `sendRoom` is 0. */
  readonly maxSendChunks: number;
  /** Transmissions in flight that a connection keeps apart; past it the last ones are taken together. */
  readonly maxTransmissions: number;
  /** RFC 9293 3.8.3 (R1): so many retransmissions in a row without an answer are a soft error. */
  readonly retransmissionsBeforeWarning: number;
  /** RFC 9293 3.8.3 (R2): without any progress for so long, the peer is gone. */
  readonly retransmitGiveUpMs: number;
  /** The same for a SYN-ACK that nobody answers. */
  readonly handshakeGiveUpMs: number;
  /** The same for a SYN of ours (RFC 9293 MUST-23: three minutes; an application may give up sooner). */
  readonly connectGiveUpMs: number;
  /** RFC 9293 3.8.4, where an application asks for it: silence before the first probe, between probes, and how many. */
  readonly keepAliveIdleMs: number;
  readonly keepAliveIntervalMs: number;
  readonly keepAliveProbes: number;
  /** The least to wait beyond a round trip. RFC 6298 2.4 says 1 s; Linux 200 ms, the most it delays an ACK. */
  readonly minRtoMs: number;
  readonly maxRtoMs: number;
  /** RFC 8985 7.2: the least to wait before a tail probe, above what an event loop may lag. */
  readonly minTailProbeMs: number;
  /** RFC 9293 3.8.6.3: how long an ACK may wait for data to ride on. */
  readonly delayedAckMs: number;
  /** RFC 6928: segments that a connection sends before it has heard how the path takes them. */
  readonly initialWindowSegments: number;
  /** How a connection shares a path with others; see tcp/congestion. */
  readonly congestionControl: CongestionControlName;
  /** RFC 5961 7: ACKs provoked by implausible segments, for each connection. */
  readonly challengeAcksPerSecond: number;
  /** RFC 1812 4.3.2.8: ICMP errors sent, for the whole stack. */
  readonly icmpErrorsPerSecond: number;
  readonly icmpErrorBurst: number;
  /** Destinations whose way is known to be narrower than the link; past it the oldest is forgotten. */
  readonly maxPathMtus: number;
  /** RFC 1191 6.3, RFC 8201 4: when to try again whether the way is wider. */
  readonly pathMtuTimeoutMs: number;
  /** What an ICMP error may lower an IPv4 path to (RFC 791 says 68, Linux 552). */
  readonly minPathMtuIpv4: number;
  /** Flows of datagrams sent, which ICMP errors are matched with; past it the one idle for longest is forgotten. */
  readonly maxUdpFlows: number;
  /** RFC 4787 4.3: how long a flow without datagrams is remembered. */
  readonly udpFlowTimeoutMs: number;
  /** Time to live, or hop limit, of what is sent (RFC 9293 MUST-49); Linux sends the same. */
  readonly hopLimit: number;
  /** IPv6 extension headers in a packet (RFC 8504 5.3); one with more is dropped. */
  readonly maxExtensionHeaders: number;
  /** IP datagrams under reassembly, and the bytes they hold; past either the oldest is dropped. */
  readonly maxFragmentedDatagrams: number;
  readonly maxFragmentBytes: number;
  /** RFC 1122 3.3.2: 60 to 120 s; RFC 8200 4.5: 60 s. */
  readonly fragmentTimeoutMs: number;
  /** Datagrams without a connection (UDP, ICMP, RST) that wait for a full device. */
  readonly maxOutboxFrames: number;
  readonly maxOutboxBytes: number;
}

export const DEFAULT_LIMITS: StackLimits = {
  maxConnections: 16_384,
  maxRequests: 4096,
  requestTimeoutMs: 130_000,
  maxTimeWait: 8192,
  timeWaitMs: 10_000,
  receiveBufferInitialBytes: 512 << 10,
  receiveBufferBytes: 4 << 20,
  receivePoolBytes: 256 << 20,
  receivePoolIdleBytes: 16 << 20,
  maxOutOfOrderRanges: 64,
  sendBufferBytes: 2 << 20,
  sendPoolBytes: 256 << 20,
  maxSendChunks: 4096,
  maxTransmissions: 4096,
  retransmissionsBeforeWarning: 3,
  retransmitGiveUpMs: 100_000,
  handshakeGiveUpMs: 60_000,
  connectGiveUpMs: 180_000,
  keepAliveIdleMs: 7_200_000,
  keepAliveIntervalMs: 75_000,
  keepAliveProbes: 9,
  minRtoMs: 200,
  maxRtoMs: 60_000,
  minTailProbeMs: 10,
  delayedAckMs: 40,
  initialWindowSegments: 10,
  congestionControl: 'cubic',
  challengeAcksPerSecond: 10,
  icmpErrorsPerSecond: 1000,
  icmpErrorBurst: 200,
  maxPathMtus: 256,
  pathMtuTimeoutMs: 600_000,
  minPathMtuIpv4: 552,
  maxUdpFlows: 4096,
  udpFlowTimeoutMs: 120_000,
  maxExtensionHeaders: 8,
  hopLimit: DEFAULT_HOP_LIMIT,
  maxFragmentedDatagrams: 256,
  maxFragmentBytes: 4 << 20,
  fragmentTimeoutMs: 60_000,
  maxOutboxFrames: 512,
  maxOutboxBytes: 1 << 20,
};

/** Limits that contradict each other or the wire would fail far from here, so they fail here. */
export function resolveLimits(given: Partial<StackLimits> | undefined): StackLimits {
  const limits: StackLimits = { ...DEFAULT_LIMITS, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value === 'string') continue;
    if (!Number.isFinite(value) || value <= 0) throw new RangeError(`${name} must be a positive number`);
  }
  if (limits.hopLimit > 255) throw new RangeError('hopLimit is more than eight bits can say');
  // RFC 7323 2.3: a window is at most 65535 << 14.
  if (limits.receiveBufferBytes > 65_535 * 2 ** 14) {
    throw new RangeError('receiveBufferBytes is more than a TCP window can express');
  }
  if (limits.minPathMtuIpv4 < IPV4_MIN_MTU) {
    throw new RangeError('minPathMtuIpv4 is less than every IPv4 link carries');
  }
  return limits;
}
