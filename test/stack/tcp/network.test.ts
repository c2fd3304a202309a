/**
 * Two stacks on a simulated network: nothing is lost or changed, and nothing waits for long.
 *
 * `KNS_NETWORK_SEED` has the paths start with another seed than 0.
 */
import { describe, expect, test } from 'vitest';
import { Endpoint, Network, type NetworkOptions, Random } from '../harness/network.ts';

const FIRST_SEED = Number(process.env['KNS_NETWORK_SEED'] ?? 0);

interface Outcome {
  network: Network;
  client: Endpoint;
  server: Endpoint;
}

/** Both send at once, and finish. */
function exchange(options: NetworkOptions, upBytes: number, downBytes: number, untilMs = 900_000): Outcome {
  const network = new Network(options);
  let server: Endpoint | undefined;
  network.stacks[1].onTcpRequest = (request) => {
    server = new Endpoint(request.accept(), downBytes);
  };
  const connection = network.stacks[0].connect(
    { address: '10.0.1.1', port: 0 },
    { address: '10.0.1.2', port: 80 },
  );
  const client = new Endpoint(connection, upBytes);
  network.run(untilMs, () => client.closed !== null && server !== undefined && server.closed !== null);
  if (server === undefined) return expect.fail('never connected');
  return { network, client, server };
}

function retransmits({ network }: Outcome): number {
  return network.stacks[0].counters.tcpRetransmits + network.stacks[1].counters.tcpRetransmits;
}

function timeouts({ network }: Outcome): number {
  return network.stacks[0].counters.tcpRetransmitTimeouts + network.stacks[1].counters.tcpRetransmitTimeouts;
}

function randomPath(seed: number): NetworkOptions {
  const random = new Random(seed * 7919);
  const bad = random.pick([0, 0.001, 0.01, 0.05, 0.1]);
  return {
    seed,
    mtu: random.pick([576, 1280, 1500, 9000, 65_520]),
    offload: random.pick([false, true]),
    delayMs: random.pick([0.02, 0.5, 5, 40]),
    jitterMs: random.pick([0, 0.01, 5]),
    loss: bad,
    duplicate: random.pick([0, 0.02]),
    reorder: random.pick([0, 0.05, 0.3]),
    reorderMs: random.pick([0.05, 10]),
    corrupt: random.pick([0, 0.02]),
    limits: {
      receiveBufferBytes: random.pick([5000, 65_536, 4 << 20]),
      congestionControl: random.pick(['cubic', 'newreno'] as const),
      maxTransmissions: random.pick([8, 4096]),
      maxOutOfOrderRanges: random.pick([2, 64]),
      receivePoolBytes: random.pick([131_072, 256 << 20]),
    },
  };
}

describe('bytes arrive as they were sent', () => {
  test.each(Array.from({ length: 12 }, (_, i) => FIRST_SEED + i * 25))(
    'seeds from %i',
    { timeout: 60_000 },
    (first) => {
      for (let seed = first; seed < first + 25; seed++) {
        const options = randomPath(seed);
        const sizes = new Random(seed);
        const { client, server } = exchange(options, sizes.below(200_000), sizes.below(200_000));
        const context = `seed ${seed}: ${JSON.stringify(options)}`;
        expect([client.closed, server.closed], context).toEqual(['finished', 'finished']);
        expect([server.receivedSum, client.receivedSum], context).toEqual([client.sentSum, server.sentSum]);
      }
    },
  );
});

describe('recovery', () => {
  const PATH = { delayMs: 10, mbitPerSecond: 100, queueBytes: 1 << 20 };

  test('an isolated loss anywhere in a transfer, its end included, needs no timeout', () => {
    for (let lost = 0; lost < 100; lost++) {
      const outcome = exchange({ ...PATH, drop: (from, n) => from === 0 && n === lost }, 140_000, 0);
      expect([lost, outcome.client.closed, timeouts(outcome)]).toEqual([lost, 'finished', 0]);
      expect(retransmits(outcome)).toBe(outcome.network.lost[0]);
    }
  });

  test('the last five packets lost at once need no timeout', () => {
    const outcome = exchange({ ...PATH, drop: (from, n) => from === 0 && n >= 91 && n < 96 }, 140_000, 0);
    expect([outcome.client.closed, outcome.network.lost[0], timeouts(outcome)]).toEqual(['finished', 5, 0]);
  });

  test('a second loss of what was repeated costs one timeout at the most', () => {
    const outcome = exchange(
      { ...PATH, drop: (from, n) => from === 0 && (n === 20 || n === 96) },
      140_000,
      0,
    );
    expect(outcome.client.closed).toBe('finished');
    expect(timeouts(outcome)).toBeLessThanOrEqual(1);
  });

  test('a lossless local link sees neither repetition nor probe', () => {
    const outcome = exchange({ mtu: 65_520, offload: true, delayMs: 0.02 }, 20_000_000, 5_000_000);
    const [a, b] = outcome.network.stacks;
    expect([retransmits(outcome), a.counters.tcpTailProbes, b.counters.tcpTailProbes]).toEqual([0, 0, 0]);
    expect([outcome.client.closed, outcome.network.nowMs < 20]).toEqual(['finished', true]);
  });
});

describe('repetitions for nothing', () => {
  test.each([
    ['jitter', { delayMs: 5, jitterMs: 5 }, 0],
    ['reordering by a fraction of a round trip', { delayMs: 10, reorder: 0.05, reorderMs: 4 }, 0.01],
    ['reordering by a round trip', { delayMs: 5, reorder: 0.02, reorderMs: 10 }, 0.02],
    ['round trips of 40 µs with reordering', { delayMs: 0.02, reorder: 0.05, reorderMs: 0.01 }, 0.01],
  ] as const)('%s', (_name, path, most) => {
    const outcome = exchange({ ...path, mbitPerSecond: 1000 }, 10_000_000, 0);
    const sent = outcome.network.stacks[0].counters.tcpOut;
    expect(outcome.client.closed).toBe('finished');
    expect(retransmits(outcome) / sent).toBeLessThanOrEqual(most);
    expect(timeouts(outcome)).toBe(0);
  });
});

test('goodput over loss, round trip and queue, in Mbit/s of 100', { timeout: 120_000 }, () => {
  const rows: string[] = [];
  for (const algorithm of ['cubic', 'newreno'] as const) {
    for (const rttMs of [0.1, 10, 100]) {
      for (const queue of [0.25, 1]) {
        const cells = [0, 0.0001, 0.001, 0.01, 0.05].map((loss) => {
          const network = new Network({
            seed: 3,
            delayMs: rttMs / 2,
            mbitPerSecond: 100,
            queueBytes: Math.max(20_000, 12_500 * rttMs * queue),
            loss,
            limits: { congestionControl: algorithm },
          });
          let server: Endpoint | undefined;
          network.stacks[1].onTcpRequest = (request) => {
            server = new Endpoint(request.accept(), 0, false);
          };
          const from = { address: '10.0.1.1', port: 0 };
          const connection = network.stacks[0].connect(from, { address: '10.0.1.2', port: 80 });
          const client = new Endpoint(connection, Infinity);
          const seconds = 3;
          network.run(seconds * 1000);
          expect(client.closed).toBeNull();
          return Math.round(((server?.received ?? 0) * 8) / seconds / 1e6);
        });
        const name = `${algorithm} ${rttMs} ms, queue ${queue} bdp`;
        rows.push(`${name.padEnd(32)}${cells.map((cell) => String(cell).padStart(5)).join('')}`);
      }
    }
  }
  expect([`${'loss %'.padEnd(32)}    0 0.01  0.1    1    5`, ...rows].join('\n')).toMatchSnapshot();
});

test.each(['cubic', 'newreno'] as const)(
  'two flows of %s share a bottleneck',
  { timeout: 60_000 },
  (algorithm) => {
    const network = new Network({
      seed: 11,
      delayMs: 10,
      mbitPerSecond: 20,
      queueBytes: 50_000,
      limits: { congestionControl: algorithm },
    });
    const servers: Endpoint[] = [];
    network.stacks[1].onTcpRequest = (request) => servers.push(new Endpoint(request.accept(), 0, false));
    const start = (port: number): Endpoint =>
      new Endpoint(
        network.stacks[0].connect({ address: '10.0.1.1', port: 0 }, { address: '10.0.1.2', port }),
        Infinity,
      );
    const clients = [start(1)];
    network.run(5000);
    clients.push(start(2));
    network.run(20_000);
    const before = servers.map((server) => server.received);
    network.run(60_000);
    const [a, b] = servers.map((server, i) => server.received - before[i]);
    expect(clients.map((client) => client.closed)).toEqual([null, null]);
    // Jain's index, 1 for equal shares and 0.5 for all to one.
    expect((a + b) ** 2 / (2 * (a * a + b * b))).toBeGreaterThan(0.9);
    expect(((a + b) * 8) / 40 / 1e6).toBeGreaterThan(17);
  },
);
