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
  offloadUnknown = 0;
  ipVersionUnknown = 0;
  ipv6Dropped = 0;
  ipHeaderBad = 0;
  ipChecksumBad = 0;
  ipSourceBad = 0;
  ipDestinationNotUnicast = 0;
  ipProtocolUnknown = 0;
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
  icmpErrorsInUnmatched = 0;

  // UDP.
  udpIn = 0;
  udpOut = 0;
  udpHeaderBad = 0;
  udpChecksumBad = 0;
  udpNoHandler = 0;

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
  tcpNoMemory = 0;

  // TCP, out and over time.
  tcpOut = 0;
  tcpResetsOut = 0;
  tcpChallengeAcks = 0;
  tcpChallengeAcksLimited = 0;
  tcpDelayedAcks = 0;
  tcpRetransmits = 0;
  tcpRetransmitTimeouts = 0;
  tcpFastRetransmits = 0;
  tcpWindowProbes = 0;
  tcpWindowUpdates = 0;
  tcpTimeouts = 0;
  tcpTimeWait = 0;
  tcpTimeWaitEvicted = 0;
  tcpTimeWaitTakenOver = 0;
}
