/**
 * What runs in the sandbox: Node itself, since nothing else is sure to be there.
 *
 * It asks the sandbox's DNS for the server's addresses, reads the stream by its
 * name, and sends back on the same connection what it has seen. Where it can't
 * say anything, its exit code tells how far it came.
 */

/** Where the guest has failed, by its exit code. */
export const FAILED_AT: ReadonlyMap<number, string> = new Map([
  [41, 'the sandbox asked its DNS in vain'],
  [42, 'the sandbox could not connect to the server'],
]);

export interface GuestReport {
  /** By DNS, of both families. */
  readonly addresses: readonly string[];
  readonly resolveMs: number;
  readonly transferMs: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** What has come by then is reported. */
const TRANSFER_TIMEOUT_MS = 20_000;

/** Plain JavaScript, as `node --eval` takes it; it may use nothing but Node. */
const PROGRAM = `
const dns = require('node:dns').promises;
const net = require('node:net');
const { createHash } = require('node:crypto');
const [name, port, wanted, limitMs] = process.argv.slice(1);
const ms = (start) => Math.round((performance.now() - start) * 10) / 10;
(async () => {
  const asked = performance.now();
  const [v4, v6] = await Promise.all([dns.resolve4(name), dns.resolve6(name)]).catch(() => process.exit(41));
  const resolveMs = ms(asked);
  const start = performance.now();
  const socket = net.connect({ port: Number(port), host: name, allowHalfOpen: true });
  socket.on('error', () => process.exit(42));
  const hash = createHash('sha256');
  let bytes = 0;
  const report = () => {
    clearTimeout(timer);
    const transferMs = ms(start);
    const seen = { addresses: [...v4, ...v6], resolveMs, transferMs, bytes, sha256: hash.digest('hex') };
    socket.removeAllListeners('data').resume().end(JSON.stringify(seen));
  };
  const timer = setTimeout(report, Number(limitMs));
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    hash.update(chunk);
    if (bytes >= Number(wanted)) report();
  });
})();
`;

export function guestCommand(name: string, port: number, bytes: number): readonly string[] {
  return [process.execPath, '--eval', PROGRAM, name, ...[port, bytes, TRANSFER_TIMEOUT_MS].map(String)];
}

/** @throws Error where it is none */
export function parseReport(text: string): GuestReport {
  const report: unknown = JSON.parse(text);
  if (isReport(report)) return report;
  throw new Error('a report without its fields');
}

function isReport(value: unknown): value is GuestReport {
  if (typeof value !== 'object' || value === null) return false;
  const numbers = ['resolveMs', 'transferMs', 'bytes'];
  const fields = new Map(Object.entries(value));
  return (
    Array.isArray(fields.get('addresses')) &&
    typeof fields.get('sha256') === 'string' &&
    numbers.every((name) => typeof fields.get(name) === 'number')
  );
}
