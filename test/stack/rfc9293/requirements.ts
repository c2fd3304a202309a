/**
 * The requirements of RFC 9293, appendix B, and how each is met: by the tests
 * that show it (`file: title`), or by the reason why it, or a part of it, does
 * not apply, with the section that lets it.
 */
export interface Requirement {
  readonly says: string;
  readonly shownBy?: readonly string[];
  readonly excusedBy?: string;
}

const shown = (says: string, ...shownBy: string[]): Requirement => ({ says, shownBy });
const excused = (says: string, excusedBy: string): Requirement => ({ says, excusedBy });

const NO_SOURCE_ROUTES =
  'Source routes are neither made nor followed: RFC 7126 4.3 and 4.4 have packets with them dropped.';
const PUSH =
  'Each write is sent as soon as the windows let it, as if with PUSH (3.9.1.2 lets the flag be missing).';

export const REQUIREMENTS: Readonly<Record<string, Requirement>> = {
  'MUST-1': shown(
    'The window is treated as unsigned.',
    'tcp/handshake: without options gets none but the MSS, and an unscaled window',
    'rfc9293/appendix-b: a window of 65,535 is no negative one',
  ),
  'MUST-2': shown(
    'The sender computes the checksum.',
    'tcp/network: seeds from %i',
    'ip/offload: checksums are complete and frames no larger than the mtu, IPv${ip}',
    'ip/offload: out: one frame of whole segments, told to be cut',
  ),
  'MUST-3': shown(
    'The receiver checks it.',
    'ip/offload: wrong: dropped and counted',
    'tcp/ipv6: has its checksum verified where the kernel does not vouch for it',
  ),
  'MUST-4': shown(
    'EOL, NOP and MSS are supported.',
    'tcp/options.property: the options of a SYN are read back',
  ),
  'MUST-5': shown(
    'Options are received in any segment.',
    'tcp/timestamps: are on every segment once agreed on, and echo the peer',
  ),
  'MUST-6': shown(
    'Unknown options are ignored.',
    'tcp/options.property: options of any bytes end, and never read past their end',
  ),
  'MUST-7': shown(
    'Illegal option lengths are coped with.',
    'tcp/options.property: options of any bytes end, and never read past their end',
  ),
  'MUST-8': shown(
    'A clock drives the initial sequence number.',
    'rfc9293/appendix-b: initial sequence numbers rise by 250 a millisecond, and differ from flow to flow',
    'tcp/close: gives way to a SYN beyond the old connection, with numbers beyond its own',
  ),
  'MUST-9': shown(
    'The function behind it cannot be computed from outside.',
    'wire.property: of the twin agrees with the published vectors',
    'rfc9293/appendix-b: initial sequence numbers rise by 250 a millisecond, and differ from flow to flow',
  ),
  'MUST-10': shown(
    'Simultaneous open is supported.',
    'tcp/connect: at the same time as the guest (RFC 9293 figure 7)',
    'tcp/connect: at the same time, with an ACK in place of the SYN-ACK',
  ),
  'MUST-11': shown(
    'SYN-RECEIVED remembers whether it was opened passively.',
    'tcp/handshake: answered by RST ends the connection',
    'rfc9293/appendix-b: RST in SYN-RECEIVED is a refusal to who has opened, and a reset to who was asked',
  ),
  'MUST-12': shown(
    'The application is told of an abort.',
    'rfc9293/reset: a RST of the exact number ends it',
  ),
  'MUST-13': shown(
    'TIME-WAIT lasts for twice the MSL.',
    'tcp/close: answers a repeated FIN, and forgets after its time',
  ),
  'MUST-14': shown(
    'The MSS option is sent and received.',
    "tcp/data: goes in segments of the peer's MSS, the last with PSH",
  ),
  'MUST-15': shown(
    'Without it the MSS is 536, or 1220 for IPv6.',
    'tcp/connect: a peer without options is spoken to without',
    'tcp/ipv6: without an MSS option segments carry 1220 bytes',
  ),
  'MUST-16': shown(
    'Segments take account of what the link and the options leave.',
    'tcp/sack: ride on data as well, and come off its size',
    'icmp/errors: that an error lowers cuts the segments in flight and all later ones',
  ),
  'MUST-17': shown(
    'An application can turn the Nagle algorithm off: it is always off.',
    'rfc9293/appendix-b: what is written goes at once, whatever is in flight',
  ),
  'MUST-18': shown("Karn's algorithm.", 'tcp/loss: makes no measurement of what was sent twice (Karn)'),
  'MUST-19': shown(
    'Exponential backoff, slow start, congestion avoidance.',
    'tcp/loss: is repaired when nothing comes, at doubling intervals',
    'tcp/loss: after a timeout goes again in slow start (RFC 5681 3.1)',
    'tcp/network: goodput over loss, round trip and queue, in Mbit/s of 100',
  ),
  'MUST-20': {
    says: 'Past R1 retransmissions IP is told to look for another route; past R2 the connection is closed.',
    shownBy: ['tcp/loss: without end closes the connection as timed out'],
    excusedBy: 'Of 3.8.3 (b), the advice to IP: there is one link and no other route.',
  },
  'MUST-21': shown(
    'An application can set R2 for a connection.',
    'rfc9293/appendix-b: R2 can be set for a connection, to for ever as well',
    'tcp/handshake: is sent again at 1, 3 and 7 s, and given up at a limit',
  ),
  'MUST-22': shown(
    'SYNs are treated alike.',
    'tcp/connect: the SYN is repeated, and given up after three minutes',
  ),
  'MUST-23': shown(
    'R2 of a SYN is three minutes or more.',
    'tcp/connect: the SYN is repeated, and given up after three minutes',
  ),
  'MUST-24': shown(
    'An application can turn keep-alive on and off.',
    'tcp/connect: asks a silent peer, and one that answers stays',
  ),
  'MUST-25': shown('It is off at first.', 'tcp/connect: is off unless asked for'),
  'MUST-26': shown(
    'Probes are sent after silence alone.',
    'tcp/connect: asks a silent peer, and one that answers stays',
  ),
  'MUST-27': shown(
    'The interval can be configured.',
    'tcp/connect: gives up only after several probes without an answer',
  ),
  'MUST-28': shown(
    'It is two hours by default.',
    'rfc9293/appendix-b: keep-alive waits for two hours, and the hop limit is that of other systems',
  ),
  'MUST-29': shown(
    'One probe without an answer ends nothing.',
    'tcp/connect: gives up only after several probes without an answer',
  ),
  'MUST-30': shown(
    'The urgent mechanism is supported.',
    'tcp/connect: is announced, stays in the stream, and counts down as it is read',
  ),
  'MUST-31': shown(
    'Urgent data may be of any length.',
    'tcp/connect: is announced, stays in the stream, and counts down as it is read',
  ),
  'MUST-32': shown(
    'The application is told of it asynchronously.',
    'tcp/connect: is announced, stays in the stream, and counts down as it is read',
  ),
  'MUST-33': shown(
    'It can learn how much is left.',
    'tcp/connect: is announced, stays in the stream, and counts down as it is read',
  ),
  'MUST-34': shown(
    'The sender is robust against a shrinking window.',
    'tcp/window: shrunk below what is in flight: only what fits is repeated',
  ),
  'MUST-35': shown(
    'A window that shrinks to zero is probed in the standard way.',
    'rfc9293/appendix-b: a window that shrinks to zero is probed',
  ),
  'MUST-36': shown(
    'A closed window is probed.',
    'tcp/window: closed is probed with one byte, ever more slowly, and never given up',
  ),
  'MUST-37': shown(
    'It may stay closed for ever.',
    'tcp/window: closed is probed with one byte, ever more slowly, and never given up',
  ),
  'MUST-38': shown(
    'The sender avoids the silly window syndrome.',
    'tcp/window: of a byte more is not worth a segment',
  ),
  'MUST-39': shown(
    'So does the receiver.',
    'tcp/window: closes as the application does not read, and opens when it does',
  ),
  'MUST-40': shown(
    'An ACK is delayed by less than 0.5 s.',
    'tcp/data: has its ACK held back once the application has shown that it answers',
  ),
  'MUST-41': shown(
    'A passive open affects no connection that is there.',
    'rfc9293/appendix-b: one port listens while connections from it are in SYN-SENT and SYN-RECEIVED',
  ),
  'MUST-42': shown(
    'A port can listen while connections with it are in SYN-SENT or SYN-RECEIVED.',
    'rfc9293/appendix-b: one port listens while connections from it are in SYN-SENT and SYN-RECEIVED',
  ),
  'MUST-43': shown(
    'OPEN takes a local address.',
    'tcp/connect: SYN, SYN-ACK, ACK; the options are those both sides offer',
  ),
  'MUST-44': excused(
    'IP is asked for a local address where the application gives none.',
    'Stack.connect always has one given: the stack answers for every address and has none of its own (3.9.1.1).',
  ),
  'MUST-45': shown(
    'One local address serves the whole connection.',
    'tcp/ipv6: and the same ports over IPv4 are two connections',
  ),
  'MUST-46': shown(
    'OPEN to an address that is no host is refused.',
    'rfc9293/appendix-b: connect to a group or to everybody is refused',
  ),
  'MUST-47': shown(
    'Errors are reported to the application.',
    'icmp/errors: is a soft error of the connection, until something is acknowledged',
  ),
  'MUST-48': shown(
    'The application can specify the Differentiated Services field.',
    'rfc9293/appendix-b: the Differentiated Services field and the hop limit are as they were set, IPv${ip}',
  ),
  'MUST-49': shown(
    'The TTL is configurable.',
    'rfc9293/appendix-b: the Differentiated Services field and the hop limit are as they were set, IPv${ip}',
  ),
  'MUST-50': shown(
    'IP options that mean nothing to TCP are ignored.',
    'ip/ipv4: skips options, and padding behind the packet',
  ),
  'MUST-51': excused('The application can give a source route.', NO_SOURCE_ROUTES),
  'MUST-52': excused('It overrides one that was received.', NO_SOURCE_ROUTES),
  'MUST-53': excused('A return route is built from one received.', NO_SOURCE_ROUTES),
  'MUST-54': shown(
    'ICMP errors are acted on.',
    'icmp/errors: is a soft error of the connection, until something is acknowledged',
  ),
  'MUST-55': shown('Source quench is ignored.', 'rfc9293/appendix-b: source quench changes nothing'),
  'MUST-56': shown('Soft errors do not abort.', 'icmp/errors: explains a timeout'),
  'MUST-57': shown(
    'Segments to a group or to everybody are discarded silently.',
    'ip/ipv4: drops what comes from or goes to more than one host',
    'ip/ipv6: drops what comes from or goes to more than one host',
  ),
  'MUST-58': shown(
    'ACKs are aggregated whenever possible.',
    'rfc9293/appendix-b: a batch of segments is processed before one ACK for all of it',
    'tcp/data: rides with the ACK of what came in the same turn',
  ),
  'MUST-59': shown(
    'A series of queued segments is processed before any ACK is sent.',
    'rfc9293/appendix-b: a batch of segments is processed before one ACK for all of it',
  ),
  'MUST-60': shown(
    'Without PUSH in SEND calls, data is not held back for ever.',
    'rfc9293/appendix-b: what is written goes at once, whatever is in flight',
  ),
  'MUST-61': shown(
    'And the last segment of what is queued has PSH.',
    "tcp/data: goes in segments of the peer's MSS, the last with PSH",
  ),
  'MUST-62': shown(
    'The urgent pointer is to the first byte behind urgent data.',
    'tcp/connect: is announced, stays in the stream, and counts down as it is read',
  ),
  'MUST-63': shown(
    'A SYN from an address that is no host is rejected.',
    'ip/ipv4: drops what comes from or goes to more than one host',
  ),
  'MUST-64': shown(
    'Options need not be aligned.',
    'tcp/options.property: timestamps and SACK blocks are read in any order and alignment',
  ),
  'MUST-65': shown('MSS is in SYNs alone.', 'tcp/data: in order is told in poll, read, and acknowledged'),
  'MUST-66': shown(
    'RST and URG are processed with a closed window.',
    'tcp/window: closed still lets ACKs and RSTs through',
    'rfc9293/appendix-b: urgent data is announced with a closed window',
  ),
  'MUST-67': shown(
    'The MSS announced is what the link carries.',
    'tcp/connect: SYN, SYN-ACK, ACK; the options are those both sides offer',
    'tcp/ipv6: opens, moves bytes both ways, closes',
  ),
  'MUST-68': shown('Options have a length.', 'tcp/options.property: the options of a SYN are read back'),
  'MUST-69': shown(
    'The header is padded to words.',
    'tcp/options.property: the options of a SYN are read back',
  ),
  'SHLD-1': shown(
    'The ISN comes from a keyed hash.',
    'wire.property: of the twin agrees with the published vectors',
  ),
  'SHLD-2': shown('A RST may carry data.', 'rfc9293/appendix-b: a RST may carry data'),
  'SHLD-3': shown(
    'A close with data unread, or before data that still comes, sends RST: here by `reset`, since `finish` closes one half.',
    'rfc9293/reset: our own reset sends RST and tells the application once',
    'rfc9293/reset: drop what was written; later calls do nothing',
  ),
  'SHLD-4': shown(
    'Timestamps shorten TIME-WAIT.',
    'tcp/connect: a SYN with a later one takes over, whatever its number',
  ),
  'SHLD-5': shown('The MSS option is sent.', 'tcp/handshake: waits for the application, which accepts'),
  'SHLD-6': shown('It suits the mtu.', 'tcp/ipv6: opens, moves bytes both ways, closes'),
  'SHLD-7': excused(
    'The Nagle algorithm.',
    'A relay passes on what its sender has gathered already; to hold that back once more only delays. 3.7.4 has every application be able to do without.',
  ),
  'SHLD-8': excused(
    'ECN.',
    'The link is one hop without a router that could mark; a SYN that offers it is answered without (RFC 3168 6.1.1).',
  ),
  'SHLD-9': shown(
    'Between R1 and R2 the application is told of the trouble.',
    'rfc9293/appendix-b: after R1, three retransmissions, the application can see that nobody answers',
    'icmp/errors: is a soft error of the connection, until something is acknowledged',
  ),
  'SHLD-10': shown(
    'R1 is three retransmissions or more.',
    'rfc9293/appendix-b: after R1, three retransmissions, the application can see that nobody answers',
  ),
  'SHLD-11': shown('R2 is 100 s or more.', 'tcp/loss: without end closes the connection as timed out'),
  'SHLD-12': shown(
    'Keep-alive probes carry no data.',
    'tcp/connect: asks a silent peer, and one that answers stays',
  ),
  'SHLD-13': excused('New applications do not send urgent data.', 'None is sent (3.8.5).'),
  'SHLD-14': shown(
    'The window does not shrink.',
    'tcp/window: closes as the application does not read, and opens when it does',
    'tcp/window: is bounded by the memory of all connections together',
  ),
  'SHLD-15': shown(
    'No new data into a window that shrank.',
    'tcp/window: shrunk below what is in flight: only what fits is repeated',
  ),
  'SHLD-16': shown(
    'Old data within it is repeated.',
    'tcp/window: shrunk below what is in flight: only what fits is repeated',
  ),
  'SHLD-17': shown(
    'The connection is not given up for data beyond it.',
    'tcp/window: closed is probed with one byte, ever more slowly, and never given up',
  ),
  'SHLD-18': shown(
    'ACKs are delayed.',
    'tcp/data: has its ACK held back once the application has shown that it answers',
  ),
  'SHLD-19': shown(
    'Every second full-sized segment has an ACK.',
    'rfc9293/appendix-b: every second full-sized segment has an ACK at once, held back or not',
  ),
  'SHLD-20': shown(
    'Error reports can be left unread.',
    'icmp/errors: is a soft error of the connection, until something is acknowledged',
  ),
  'SHLD-21': shown(
    'It can be changed during the connection.',
    'rfc9293/appendix-b: the Differentiated Services field and the hop limit are as they were set, IPv${ip}',
  ),
  'SHLD-22': shown(
    'It is passed to IP as it is.',
    'rfc9293/appendix-b: the Differentiated Services field and the hop limit are as they were set, IPv${ip}',
  ),
  'SHLD-23': shown(
    'It is not changed otherwise.',
    'rfc9293/appendix-b: the Differentiated Services field and the hop limit are as they were set, IPv${ip}',
  ),
  'SHLD-24': excused('A later source route overrides.', NO_SOURCE_ROUTES),
  'SHLD-25': shown(
    'Unreachable is told to the application.',
    'icmp/errors: is a soft error of the connection, until something is acknowledged',
  ),
  'SHLD-26': excused(
    'Hard errors (unreachable, codes 2 to 4) abort.',
    'They are soft here, as RFC 5927 5.2 and RFC 5461 have it: one is easily forged. Code 4 is path MTU discovery (3.7.5).',
  ),
  'SHLD-27': shown('PSH bits are collapsed.', 'tcp/data: is gathered from many chunks'),
  'SHLD-28': shown('Segments are as large as they may be.', 'tcp/data: is gathered from many chunks'),
  'SHLD-29': shown(
    'The first probe comes after a retransmission timeout.',
    'tcp/window: closed is probed with one byte, ever more slowly, and never given up',
  ),
  'SHLD-30': shown(
    'Then ever more slowly.',
    'tcp/window: closed is probed with one byte, ever more slowly, and never given up',
  ),
  'SHLD-31': shown(
    'Segments out of order are kept.',
    'tcp/data: out of order waits for the gap, with an ACK for each',
  ),
  'REC-1': shown(
    'Windows are kept in 32 bits.',
    'ip/offload: out: one frame of whole segments, told to be cut',
  ),
  'MAY-1': excused(
    'Half-duplex close.',
    '`finish` closes one half and the other stays open, as 3.6.1 would have it.',
  ),
  'MAY-2': shown(
    'A SYN opens anew from TIME-WAIT.',
    'tcp/close: gives way to a SYN beyond the old connection, with numbers beyond its own',
    'tcp/connect: a SYN with a later one takes over, whatever its number',
  ),
  'MAY-3': shown(
    'The MSS option is always sent.',
    'tcp/handshake: without options gets none but the MSS, and an unscaled window',
  ),
  'MAY-4': excused(
    'A retransmission may have the same IP identification.',
    'All have 0, since segments are atomic datagrams (RFC 6864 4.1).',
  ),
  'MAY-5': shown('Keep-alive.', 'tcp/connect: asks a silent peer, and one that answers stays'),
  'MAY-6': excused(
    'A keep-alive segment may carry one garbage byte.',
    'Peers that answered nothing else are gone; SHLD-12 of 3.8.4 is kept instead.',
  ),
  'MAY-7': excused(
    'Data beyond a window that shrank may be repeated.',
    'Only what the window holds is, as 3.8.6 has it first; see SHLD-16.',
  ),
  'MAY-8': shown(
    'The window offered may stay closed.',
    'tcp/window: closed: a probe is answered and its byte not taken',
  ),
  'MAY-9': excused('The Diffserv field received is passed on.', 'Nothing here has a use for it (3.9.2).'),
  'MAY-10': excused(
    'The IP timestamp option.',
    'IP options are skipped (3.9.2.1); RFC 7126 4.7 has them dropped.',
  ),
  'MAY-11': excused(
    'The record route option.',
    'IP options are skipped (3.9.2.1); RFC 7126 4.5 has them dropped.',
  ),
  'MAY-12': shown(
    'An ACK from too far back is refused (RFC 5961 5).',
    'rfc9293/reset: an ACK from too far back is asked about (RFC 5961 5)',
  ),
  'MAY-13': shown(
    'A segment past a gap is acknowledged at once.',
    'tcp/data: out of order waits for the gap, with an ACK for each',
  ),
  'MAY-14': excused('A FLUSH call.', 'Nothing is held back that it could send (3.9.1.7).'),
  'MAY-15': excused('SEND calls have a PUSH flag.', PUSH),
  'MAY-16': excused('Data without PUSH is gathered.', PUSH),
  'MAY-17': excused(
    'A received PSH is passed on.',
    'Data is told of as it comes, with or without (3.9.1.3).',
  ),
  'MAY-18': shown(
    'Other congestion control that conforms (RFC 9438).',
    'tcp/network: goodput over loss, round trip and queue, in Mbit/s of 100',
  ),
};
