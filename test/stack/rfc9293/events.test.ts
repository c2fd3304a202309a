/**
 * RFC 9293 3.10, state by state: what each call, each kind of segment and each
 * timeout does. A cell says what goes out and, behind `>`, the state after;
 * without that the state stays. The types see to it that no cell is missing.
 *
 * In lines N stands for RCV.NXT, U for SND.UNA and S for SND.NXT.
 */
import { describe, expect } from 'vitest';
import type { CloseReason, StateName } from '../../../stack/index.ts';
import { drain, type Harness, scenario, writeStream } from '../harness/harness.ts';
import { dial, type Entered, stateOf, STATES } from '../harness/states.ts';

type Cells = Readonly<Record<StateName, string>>;

interface Seen extends Entered {
  told: CloseReason[];
}

/** A scenario for each state: `act`, then what the cell says. */
function inEachState(cells: Cells, act: (h: Harness, seen: Seen) => void): void {
  for (const state of Object.keys(cells) as StateName[]) {
    const [answers, after = state] = cells[state].split('>').map((part) => part.trim());
    scenario(`in ${state}: ${cells[state]}`, (h) => {
      const entered = STATES[state](h);
      const told: CloseReason[] = [];
      entered.connection.onClosed = (reason) => told.push(reason);
      expect(stateOf(h, entered.connection)).toBe(state);
      act(h, { ...entered, told });
      h.poll();
      h.sends(...linesOf(answers, entered));
      expect(stateOf(h, entered.connection)).toBe(after);
      if (after !== 'CLOSED') h.stack.abortAll();
      h.frames();
    });
  }
}

function linesOf(text: string, entered: Entered): string[] {
  return text === '-' ? [] : text.split(';').map((line) => substitute(line.trim(), entered));
}

function substitute(line: string, { rcvNxt, sndUna, sndNxt }: Entered): string {
  const values: Record<string, number> = { N: rcvNxt, U: sndUna, S: sndNxt };
  return line.replace(
    /=([NUS])([+-]\d+)?/g,
    (_, name: string, by: string | undefined) => `=${values[name] + Number(by ?? 0)}`,
  );
}

function arrives(title: string, line: string, cells: Cells): void {
  describe(`segment: ${title}`, () => {
    inEachState(cells, (h, seen) => h.guest(substitute(line, seen)));
  });
}

/** All the same but for some. */
function all(cell: string, but: Partial<Cells> = {}): Cells {
  return { ...(Object.fromEntries(Object.keys(STATES).map((state) => [state, cell])) as Cells), ...but };
}

describe('call: OPEN (3.10.1)', () => {
  inEachState(
    // What is in TIME-WAIT gives way, with numbers that go on (RFC 6191).
    all('-', {
      CLOSED: 'S mss=1460 ws=7 sackok=1',
      'TIME-WAIT': 'S mss=1460 ws=7 sackok=1',
    }),
    (h, { connection }) => {
      if (['CLOSED', 'TIME-WAIT'].includes(connection.state)) expect(dial(h).state).toBe('SYN-SENT');
      else expect(() => dial(h)).toThrow(expect.objectContaining({ code: 'CONNECT_FLOW_IN_USE' }));
    },
  );
});

describe('call: SEND (3.10.2)', () => {
  inEachState(
    all('-', { ESTABLISHED: 'PA seq=S ack=N len=5', 'CLOSE-WAIT': 'PA seq=S ack=N len=5' }),
    (h, { connection, sndNxt }) => {
      const { state } = connection;
      if (/FIN-WAIT|CLOSING|LAST-ACK|TIME-WAIT/.test(state)) {
        expect(() => writeStream(connection, 0, 5)).toThrow('write after finish');
        return;
      }
      writeStream(connection, sndNxt - 1, 5);
      // In SYN-SENT and SYN-RECEIVED it waits; on a connection that is over it is dropped.
      expect(connection.sendQueued).toBe(state === 'CLOSED' ? 0 : 5);
    },
  );
});

describe('call: RECEIVE (3.10.3)', () => {
  const OPEN_IN = new Set<StateName>(['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2']);
  inEachState(
    all('-', {
      ESTABLISHED: 'A seq=S ack=N+5',
      'FIN-WAIT-1': 'A seq=S ack=N+5',
      'FIN-WAIT-2': 'A seq=S ack=N+5',
    }),
    (h, { connection, rcvNxt, sndUna }) => {
      const { state } = connection;
      expect(connection.read()).toBeNull();
      if (OPEN_IN.has(state)) {
        h.guest(`PA seq=${rcvNxt} ack=${sndUna} len=5`);
        expect(drain(connection, rcvNxt - 1)).toBe(5);
      }
      const finished = ['CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'].includes(state);
      expect(connection.remoteFinished).toBe(finished);
    },
  );
});

describe('call: CLOSE (3.10.4)', () => {
  // `finish` closes our half: before the handshake has ended the FIN waits for it. A second one is no second FIN.
  inEachState(
    all('-', {
      ESTABLISHED: 'FA seq=S ack=N > FIN-WAIT-1',
      'CLOSE-WAIT': 'FA seq=S ack=N > LAST-ACK',
    }),
    (_, { connection }) => connection.finish(),
  );
});

describe('call: ABORT (3.10.5)', () => {
  inEachState(
    {
      CLOSED: '-',
      'SYN-SENT': '- > CLOSED',
      'SYN-RECEIVED': 'RA seq=S ack=N > CLOSED',
      ESTABLISHED: 'RA seq=S ack=N > CLOSED',
      'FIN-WAIT-1': 'RA seq=S ack=N > CLOSED',
      'FIN-WAIT-2': 'RA seq=S ack=N > CLOSED',
      'CLOSE-WAIT': 'RA seq=S ack=N > CLOSED',
      // Neither half has anything to lose, but the peer may be waiting still: the RST tells it.
      CLOSING: 'RA seq=S ack=N > CLOSED',
      'LAST-ACK': 'RA seq=S ack=N > CLOSED',
      // The record stays, so that a repeated FIN is answered.
      'TIME-WAIT': '-',
    },
    (h, { connection, told }) => {
      const over = ['CLOSED', 'TIME-WAIT'].includes(connection.state);
      connection.reset();
      h.poll();
      expect(told).toEqual(over ? [] : ['aborted']);
    },
  );
});

describe('call: STATUS (3.10.6)', () => {
  inEachState(all('-'), (h, { connection }) => {
    const listed = Array.from(h.stack.connections(), (seen) => seen.state);
    expect(listed).toEqual(['CLOSED', 'TIME-WAIT'].includes(connection.state) ? [] : [connection.state]);
  });
});

// First, the sequence number.

arrives('an old duplicate', 'A seq=N-9 ack=U len=4', {
  ...all('A seq=S ack=N'),
  CLOSED: 'R seq=U',
  // No sequence number is known yet; the ACK of what was not sent is answered by RST.
  'SYN-SENT': 'R seq=U',
});

arrives('text beyond the window', 'A seq=N+9000000 ack=U len=4', {
  ...all('A seq=S ack=N'),
  CLOSED: 'R seq=U',
  'SYN-SENT': 'R seq=U',
});

// Second, RST (RFC 5961 3.2).

arrives('RST at RCV.NXT', 'R seq=N', {
  ...all('- > CLOSED'),
  CLOSED: '-',
  'SYN-SENT': '-',
});

arrives('RST within the window', 'R seq=N+9', {
  ...all('A seq=S ack=N'),
  CLOSED: '-',
  'SYN-SENT': '-',
  'TIME-WAIT': '-',
});

arrives('RST outside of the window', 'R seq=N-1', all('-'));

arrives('RST that acknowledges our SYN', 'RA seq=N ack=1', {
  ...all('- > CLOSED'),
  CLOSED: '-',
});

// Fourth, SYN (RFC 5961 4.2).

arrives('SYN within the window', 'S seq=N+9 mss=1460', {
  ...all('A seq=S ack=N'),
  // For nobody and in TIME-WAIT it is a new request, which the application does not answer here.
  CLOSED: '-',
  'TIME-WAIT': '- > CLOSED',
  'SYN-SENT': 'SA seq=0 ack=10 mss=1460 > SYN-RECEIVED',
});

arrives('SYN that is repeated', 'S seq=0 mss=1460 ws=7', {
  ...all('A seq=S ack=N'),
  CLOSED: '-',
  'SYN-SENT': 'SA seq=0 ack=1 mss=1460 ws=7 > SYN-RECEIVED',
  'SYN-RECEIVED': 'SA seq=0 ack=1 mss=1460 ws=7',
});

arrives('SYN-ACK', 'SA seq=0 ack=1 mss=1460', {
  ...all('A seq=S ack=N'),
  CLOSED: 'R seq=1',
  'SYN-SENT': 'A seq=1 ack=1 > ESTABLISHED',
});

// Fifth, ACK.

arrives('no ACK', 'P seq=N len=4', {
  ...all('-'),
  CLOSED: 'RA seq=0 ack=N+4',
  'TIME-WAIT': 'A seq=S ack=N',
});

arrives('an ACK of what was not sent', 'A seq=N ack=S+9', {
  ...all('A seq=S ack=N'),
  CLOSED: 'R seq=S+9',
  'SYN-SENT': 'R seq=S+9',
  'SYN-RECEIVED': 'R seq=S+9',
  'TIME-WAIT': '-',
});

arrives('an ACK from further back than any window (RFC 5961 5.2)', 'A seq=N ack=S-2000000', {
  ...all('A seq=S ack=N'),
  CLOSED: 'R seq=S-2000000',
  'SYN-SENT': 'R seq=S-2000000',
  'SYN-RECEIVED': 'R seq=S-2000000',
  'TIME-WAIT': '-',
});

arrives('a duplicate ACK', 'A seq=N ack=U', {
  ...all('-'),
  CLOSED: 'R seq=U',
  'SYN-SENT': 'R seq=U',
  'SYN-RECEIVED': 'R seq=U',
});

arrives('an ACK of all that was sent', 'A seq=N ack=S', {
  ...all('-'),
  CLOSED: 'R seq=S',
  'SYN-RECEIVED': '- > ESTABLISHED',
  'FIN-WAIT-1': '- > FIN-WAIT-2',
  CLOSING: '- > TIME-WAIT',
  'LAST-ACK': '- > CLOSED',
});

// Sixth, URG.

describe('segment: urgent text', () => {
  const ANNOUNCED = new Set<StateName>(['SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2']);
  inEachState(
    {
      ...all('A seq=S ack=N'),
      CLOSED: 'R seq=S',
      'SYN-SENT': '-',
      'SYN-RECEIVED': 'A seq=S ack=N+4 > ESTABLISHED',
      ESTABLISHED: 'A seq=S ack=N+4',
      'FIN-WAIT-1': 'A seq=S ack=N+4 > FIN-WAIT-2',
      'FIN-WAIT-2': 'A seq=S ack=N+4',
      CLOSING: 'A seq=S ack=N > TIME-WAIT',
      'LAST-ACK': '- > CLOSED',
    },
    (h, seen) => {
      let announced = 0;
      seen.connection.onUrgent = () => announced++;
      const expected = ANNOUNCED.has(seen.connection.state) ? 1 : 0;
      h.guest(substitute('UA seq=N ack=S urg=4 len=4', seen));
      expect(announced).toBe(expected);
    },
  );
});

// Seventh, text.

arrives('text', 'PA seq=N ack=S len=4', {
  ...all('A seq=S ack=N+4'),
  CLOSED: 'R seq=S',
  'SYN-SENT': '-',
  'SYN-RECEIVED': 'A seq=S ack=N+4 > ESTABLISHED',
  'FIN-WAIT-1': 'A seq=S ack=N+4 > FIN-WAIT-2',
  // Behind the FIN nothing can come.
  'CLOSE-WAIT': 'A seq=S ack=N',
  CLOSING: 'A seq=S ack=N > TIME-WAIT',
  'LAST-ACK': '- > CLOSED',
  'TIME-WAIT': 'A seq=S ack=N',
});

arrives('text behind a gap', 'PA seq=N+4 ack=S len=4', {
  ...all('A seq=S ack=N'),
  CLOSED: 'R seq=S',
  'SYN-SENT': '-',
  'SYN-RECEIVED': 'A seq=S ack=N > ESTABLISHED',
  'FIN-WAIT-1': 'A seq=S ack=N > FIN-WAIT-2',
  CLOSING: 'A seq=S ack=N > TIME-WAIT',
  'LAST-ACK': '- > CLOSED',
});

// Eighth, FIN.

arrives('FIN', 'FA seq=N ack=U', {
  ...all('A seq=S ack=N'),
  CLOSED: 'R seq=U',
  'SYN-SENT': 'R seq=U',
  'SYN-RECEIVED': 'R seq=U',
  ESTABLISHED: 'A seq=S ack=N+1 > CLOSE-WAIT',
  'FIN-WAIT-1': 'A seq=S ack=N+1 > CLOSING',
  'FIN-WAIT-2': 'A seq=S ack=N+1 > TIME-WAIT',
});

arrives('FIN with an ACK of all that was sent', 'FA seq=N ack=S', {
  ...all('A seq=S ack=N+1'),
  CLOSED: 'R seq=S',
  'SYN-SENT': '-',
  'SYN-RECEIVED': 'A seq=S ack=N+1 > CLOSE-WAIT',
  ESTABLISHED: 'A seq=S ack=N+1 > CLOSE-WAIT',
  'FIN-WAIT-1': 'A seq=S ack=N+1 > TIME-WAIT',
  'FIN-WAIT-2': 'A seq=S ack=N+1 > TIME-WAIT',
  'CLOSE-WAIT': 'A seq=S ack=N',
  CLOSING: 'A seq=S ack=N > TIME-WAIT',
  'LAST-ACK': '- > CLOSED',
  'TIME-WAIT': 'A seq=S ack=N',
});

describe('timeout: retransmission (3.10.8)', () => {
  inEachState(
    {
      ...all('-'),
      'SYN-SENT': 'S seq=0 mss=1460 ws=7 sackok=1',
      'SYN-RECEIVED': 'SA seq=0 ack=1 mss=1460 ws=7',
      'FIN-WAIT-1': 'FA seq=U ack=N',
      CLOSING: 'FA seq=U ack=N',
      'LAST-ACK': 'FA seq=U ack=N',
    },
    (h, { connection }) => h.advance(['SYN-SENT', 'SYN-RECEIVED'].includes(connection.state) ? 1000 : 250),
  );
});

describe('timeout: user (3.10.8)', () => {
  // Where we wait for an answer. In the others the peer owes none; keep-alive asks, where it is on.
  inEachState(
    {
      ...all('-'),
      'SYN-SENT': '- > CLOSED',
      'SYN-RECEIVED': 'RA seq=S ack=N > CLOSED',
      'FIN-WAIT-1': 'RA seq=S ack=N > CLOSED',
      CLOSING: 'RA seq=S ack=N > CLOSED',
      'LAST-ACK': 'RA seq=S ack=N > CLOSED',
      'TIME-WAIT': '- > CLOSED',
    },
    (h, { connection, told }) => {
      const waits = /SYN|FIN-WAIT-1|CLOSING|LAST-ACK/.test(connection.state);
      for (let second = 0; second < 300 && told.length === 0; second++) {
        // Repetitions, which are not what this is about.
        h.device.frames.length = 0;
        h.advance(1000);
      }
      expect(told).toEqual(waits ? ['timeout'] : []);
    },
  );
});

describe('timeout: TIME-WAIT (3.10.8)', () => {
  inEachState(all('-', { 'TIME-WAIT': '- > CLOSED' }), (h, { connection }) => {
    if (connection.state === 'TIME-WAIT') h.advance(10_000);
  });
});
