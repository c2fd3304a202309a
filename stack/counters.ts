/**
 * What happened, by reason: each packet dropped has exactly one counter here.
 *
 * Plain fields of one object, so that counting costs an increment. They only
 * grow; a reader takes differences.
 */
export class Counters {
  framesIn = 0;
  framesOut = 0;
  /** Times the device was full. */
  deviceFull = 0;
  /** Frames without a connection that found both the device and the outbox full. */
  outboxDropped = 0;

  // Frames and IP, in.
  frameTooShort = 0;
  /** Segmentation of a kind that was not agreed on, or of datagrams without a size. */
  offloadUnknown = 0;
  /** Ethernet: ARP and all else that is not IP. */
  etherTypeUnknown = 0;
  /** Ethernet: from a group, where no answer could go. */
  etherSourceBad = 0;
  ipVersionUnknown = 0;
  ipHeaderBad = 0;
  ipChecksumBad = 0;
  ipSourceBad = 0;
  ipDestinationNotUnicast = 0;
  ipProtocolUnknown = 0;
  /** IPv6: an extension header or option that must not be skipped. */
  ipHeaderRefused = 0;
  /** IPv6: headers with nothing behind them. */
  ipNoNextHeader = 0;
  fragmentsIn = 0;
  fragmentBad = 0;
  fragmentDuplicate = 0;
  fragmentOverlap = 0;
  fragmentTimeout = 0;
  fragmentEvicted = 0;
  datagramsReassembled = 0;
  fragmentsOut = 0;
  /** Asked to send more than an IP packet can carry. */
  datagramTooLarge = 0;

  // ICMP.
  icmpHeaderBad = 0;
  icmpChecksumBad = 0;
  icmpTypeIgnored = 0;
  icmpEchoIn = 0;
  icmpEchoIgnored = 0;
  icmpEchoOut = 0;
  icmpErrorsOut = 0;
  icmpErrorsLimited = 0;
  /** Not sent: about an ICMP error, a later fragment, or a destination that is not one host. */
  icmpErrorsUnsuitable = 0;
  icmpErrorsInTcp = 0;
  icmpErrorsInUdp = 0;
  /** About an echo reply: of these nothing is kept that could be told. */
  icmpErrorsInEcho = 0;
  icmpErrorsInUnmatched = 0;

  // UDP.
  udpIn = 0;
  udpOut = 0;
  udpHeaderBad = 0;
  udpChecksumBad = 0;
  /** IPv6 must have one. */
  udpChecksumMissing = 0;
  udpNoHandler = 0;
  /** Frames to be cut into more datagrams than any kernel puts into one. */
  udpSegmentsTooMany = 0;
  /** Frames sent that hold several datagrams. */
  udpFramesJoined = 0;

  // TCP, in.
  tcpIn = 0;
  tcpHeaderBad = 0;
  tcpChecksumBad = 0;
  tcpNoFlow = 0;
  tcpSynFin = 0;
  tcpRequests = 0;
  tcpRequestsAbsorbed = 0;
  tcpRequestsSuperseded = 0;
  tcpRequestsEvicted = 0;
  tcpRequestsExpired = 0;
  tcpRequestsReset = 0;
  tcpRequestSegmentsIgnored = 0;
  tcpConnectionLimit = 0;
  tcpAccepted = 0;
  tcpRefused = 0;
  tcpUnreachable = 0;
  tcpDropped = 0;
  /** Opened by us; refused by the peer. */
  tcpConnects = 0;
  tcpConnectsRefused = 0;
  /** Answers to a SYN of ours that are none: no SYN, or a number that does not fit. */
  tcpSynAnswersBad = 0;
  tcpEstablished = 0;
  tcpNotAcceptable = 0;
  tcpNoAckFlag = 0;
  tcpAckOfUnsent = 0;
  tcpAckTooOld = 0;
  tcpResetsIn = 0;
  tcpResetsImplausible = 0;
  tcpSynsImplausible = 0;
  tcpOutOfOrder = 0;
  tcpOutOfOrderDropped = 0;
  tcpDuplicateData = 0;
  tcpBeyondWindow = 0;
  tcpDataAfterFin = 0;
  tcpUrgentIn = 0;
  tcpNoMemory = 0;
  /** Old duplicates by their timestamp (PAWS, RFC 7323 5). */
  tcpTimestampOld = 0;
  /** Segments without the timestamp that was agreed on; taken all the same. */
  tcpTimestampMissing = 0;
  /** SACK blocks about bytes that are not in flight. */
  tcpSackBad = 0;
  /** Duplicates that the peer reported (RFC 2883). */
  tcpDuplicatesReported = 0;
  /** The peer dropped what it had SACKed (RFC 2018 8). */
  tcpSackReneged = 0;

  // TCP, out and over time.
  tcpOut = 0;
  tcpResetsOut = 0;
  tcpChallengeAcks = 0;
  tcpChallengeAcksLimited = 0;
  tcpDelayedAcks = 0;
  tcpRetransmits = 0;
  tcpRetransmitTimeouts = 0;
  tcpFastRetransmits = 0;
  /** Repairs that turned out to be for nothing, and whose reduction was taken back. */
  tcpSpuriousRecoveries = 0;
  tcpTailProbes = 0;
  tcpWindowProbes = 0;
  tcpWindowUpdates = 0;
  tcpKeepAlives = 0;
  tcpTimeouts = 0;
  /** Path mtu lowered by an ICMP error. */
  tcpPathMtuLowered = 0;
  tcpTimeWait = 0;
  tcpTimeWaitEvicted = 0;
  tcpTimeWaitTakenOver = 0;
}
