/** Every wait and bound of forwarding, by name. A session may be given others (tests are). */
export interface ForwardLimits {
  /**
   * A pod that has not refused this long after SYN_REPLY counts as connected.
   * The server replies before it dials the pod and says nothing when the dial
   * succeeds; a refusal was measured 0.3 to 1.2 ms after the reply on an idle
   * machine, and tens of milliseconds on a loaded one. On slow paths jitter
   * grows with the round trip, so the grace is two of them, within these two.
   * Only the first connection to a pod and port pays for it.
   */
  establishGraceMinMs: number;
  establishGraceMaxMs: number;
  /** How long a pod and port that has answered, or has not refused within its grace, needs none. */
  knownGoodMs: number;
  /** From asking the server for an upgraded connection to having one; past it another pod is tried, where there is one. */
  upgradeMs: number;
  /** From opening a stream to its SYN_REPLY; past it another upgraded connection is tried. */
  replyMs: number;
  /** From the near side's SYN to established, over all attempts. */
  dialMs: number;
  /** Pods that are tried for one connection. */
  attempts: number;
  /** First bytes of the near side that are kept until the pod has answered, to tell them to another pod. */
  replayBytes: number;
  /** After the near side's FIN: silence of the pod until its answer counts as complete. */
  halfCloseSilenceMs: number;
  /** After we have ended the data stream: until the far end has to have closed it too. */
  farEndCloseMs: number;
  /** From a pod's end until the streams that it left open are given up: runtimes do not always end them. */
  podGoneMs: number;
  /** Connections that wait for `halfCloseSilenceMs` at once; past it the most silent ones are ended early. */
  halfClosedConnections: number;
  /** Between the ends of the data stream and of the error stream, whichever is first. */
  streamPairCloseMs: number;
  /** Bytes kept for a stream whose reader has paused, before its whole connection stops reading. */
  unreadBytes: number;
  /** After this a stream whose reader holds its connection up is ended, where others wait behind it. */
  stalledMs: number;
  /** Concurrent streams on one upgraded connection, lingering ones too, unless there is no other way. */
  streamsPerConnection: number;
  /** Upgraded connections to one pod, those aside that a stalled reader holds up; up to this each stream has its own. */
  connectionsPerPod: number;
  /** Upgraded connections to all pods; past it a pod gets no second one. */
  connections: number;
  /** Upgraded connections to one pod that are being opened at once. */
  openingPerPod: number;
  /** How long a stream waits for a connection of its own where there is one to share. */
  ownConnectionMs: number;
  /** Unused upgraded connections that are opened ahead of need. */
  warmConnections: number;
  /** From a dial to opening ahead what the next one may need: a short-lived command never pays for it. */
  warmDelayMs: number;
  /** With more Services than these none is connected to before it is dialled. */
  warmServices: number;
  /** Streams over the life of an upgraded connection: servers keep a little of each (moby/spdystream). */
  streamsPerLife: number;
  /** An upgraded connection without streams is closed after this. */
  idleConnectionMs: number;
  /** The endpoints of a namespace are listed at most this often when a dial wants for a pod. */
  endpointsRefreshMs: number;
  /** A dial that goes by endpoints older than this has them listed again, without waiting for it. */
  endpointsStaleMs: number;
  /** Between pings on an upgraded connection. */
  pingMs: number;
  /** Ping intervals without a byte from the server until the connection is dead. */
  pingsMissed: number;
  /** From opening a stream until any byte at all has to have come on its connection; past it another is tried. */
  answerMs: number;
  /** How long a connection has for a sign of life when its pod has left the endpoints. */
  suspectMs: number;
  /** How long silence is borne that may be a pod's which does not read what it is sent. */
  cloggedMs: number;
  /** Between looks at whether a pod that has left the endpoints still runs: at first, and at most. */
  presenceMinMs: number;
  presenceMaxMs: number;
  /** How long a pod that has refused a connection comes after all others. */
  knownBadMs: number;
}

export const DEFAULT_LIMITS: ForwardLimits = {
  establishGraceMinMs: 100,
  establishGraceMaxMs: 500,
  knownGoodMs: 5 * 60_000,
  upgradeMs: 5_000,
  replyMs: 5_000,
  dialMs: 30_000,
  attempts: 4,
  replayBytes: 64 * 1024,
  halfCloseSilenceMs: 10_000,
  farEndCloseMs: 3_000,
  podGoneMs: 2_000,
  halfClosedConnections: 256,
  streamPairCloseMs: 2_000,
  unreadBytes: 512 * 1024,
  stalledMs: 10_000,
  streamsPerConnection: 64,
  connectionsPerPod: 16,
  connections: 128,
  openingPerPod: 2,
  ownConnectionMs: 1_000,
  warmConnections: 8,
  warmDelayMs: 100,
  warmServices: 8,
  streamsPerLife: 10_000,
  idleConnectionMs: 60_000,
  endpointsRefreshMs: 1_000,
  endpointsStaleMs: 5_000,
  pingMs: 5_000,
  pingsMissed: 3,
  answerMs: 2_000,
  suspectMs: 5_000,
  cloggedMs: 10 * 60_000,
  presenceMinMs: 1_000,
  presenceMaxMs: 30_000,
  knownBadMs: 10_000,
};
