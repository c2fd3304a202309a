/** What is measured of a way through: by iperf3 and by exchanges of 64 bytes. */

import { cpuSeconds, residentMiB, SERVER_ADDRESS, startServer } from '../lib/index.mjs';

const GIGA = 1e9;
/** After its one client. */
const SERVER_WAIT_MS = 5000;

/**
 * One stream, to a server of its own: one that stays drops clients that come before it has got over the last. CPU is
 * that of the processes between, kernel work on their behalf included.
 */
async function stream({ shell, pids }, seconds, ...options) {
  const server = await startServer('iperf3', '-s', '-1', '--forceflush', '-B', SERVER_ADDRESS);
  const between = pids();
  const before = cpuSeconds(between);
  const output = await shell.run(
    bounded(seconds, 'iperf3', '-c', SERVER_ADDRESS, '-t', seconds, '-J', ...options),
  );
  await server.ended(SERVER_WAIT_MS);
  const { end, error } = JSON.parse(output);
  if (error) throw new Error(`iperf3: ${error}`);
  const { sum_sent: sent, sum_received: received } = end;
  const cpu = cpuSeconds(between) - before;
  return {
    rate: received.bits_per_second / GIGA,
    cpu: between.length === 0 ? Number.NaN : cpu / (sent.bytes / GIGA),
  };
}

/** A way that stalls must not stall the others: three times the length, and some seconds to begin and end. */
function bounded(seconds, ...command) {
  return ['timeout', '-k', '1', 3 * seconds + 5, ...command].join(' ');
}

/** `cpu`: microseconds of the processes between, for each. */
async function exchanges({ shell, pids }, program, mode, seconds, clients) {
  const between = pids();
  const before = cpuSeconds(between);
  const output = await shell.run(bounded(seconds, program, mode, SERVER_ADDRESS, seconds, clients));
  const { rate, p50, p99, lost } = JSON.parse(output);
  if (rate === 0) throw new Error(`none was answered, ${lost} were lost`);
  const cpu = (1e6 * (cpuSeconds(between) - before)) / (rate * seconds);
  return { rate, p50, p99, cpu: between.length === 0 ? Number.NaN : cpu };
}

/** Exchanges one by one, while a stream goes on at full speed from before the first to after the last. */
async function exchangesBeside({ shell }, program, seconds, ...options) {
  const server = await startServer('iperf3', '-s', '-1', '--forceflush', '-B', SERVER_ADDRESS);
  const stream = bounded(seconds, 'iperf3', '-c', SERVER_ADDRESS, '-t', seconds + 2, ...options);
  const rounds = bounded(seconds, program, 'rr', SERVER_ADDRESS, seconds, 1);
  const output = await shell.run(`{ ${stream} >/dev/null & sleep 1; ${rounds}; wait; }`);
  await server.ended(SERVER_WAIT_MS);
  const { rate, p50, p99 } = JSON.parse(output);
  if (rate === 0) throw new Error('none was answered');
  return { p50, p99 };
}

/** By the name of the group: figures of one run. Their order matters for memory, which is that after all else. */
export const MEASURES = {
  up: async (way, { seconds }) => {
    const { rate, cpu } = await stream(way, seconds);
    return { up: rate, upCpu: cpu };
  },
  down: async (way, { seconds }) => {
    const { rate, cpu } = await stream(way, seconds, '-R');
    return { down: rate, downCpu: cpu };
  },
  rr: async (way, { seconds, exchange }) => {
    const { p50, p99, cpu } = await exchanges(way, exchange, 'rr', seconds, 1);
    return { rrP50: p50, rrP99: p99, rrCpu: cpu };
  },
  crr: async (way, { seconds, exchange }) => {
    const one = await exchanges(way, exchange, 'crr', seconds, 1);
    const eight = await exchanges(way, exchange, 'crr', seconds, 8);
    return { crr1: one.rate, crr8: eight.rate, crrCpu: eight.cpu };
  },
  udp: async (way, { seconds, exchange }) => {
    const { p50, p99, cpu } = await exchanges(way, exchange, 'udp', seconds, 1);
    return { udpP50: p50, udpP99: p99, udpCpu: cpu };
  },
  beside: async (way, { seconds, exchange }) => {
    const up = await exchangesBeside(way, exchange, seconds);
    const down = await exchangesBeside(way, exchange, seconds, '-R');
    return { besideUpP50: up.p50, besideUpP99: up.p99, besideDownP50: down.p50, besideDownP99: down.p99 };
  },
  memory: async ({ pids }) => ({ resident: pids().length === 0 ? Number.NaN : residentMiB(pids()) }),
};

/** What each of them has to tell. */
export const FIGURES = {
  up: ['up', 'upCpu'],
  down: ['down', 'downCpu'],
  rr: ['rrP50', 'rrP99', 'rrCpu'],
  crr: ['crr1', 'crr8', 'crrCpu'],
  udp: ['udpP50', 'udpP99', 'udpCpu'],
  beside: ['besideUpP50', 'besideUpP99', 'besideDownP50', 'besideDownP99'],
  memory: ['resident'],
};
