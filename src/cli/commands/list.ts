/** `kns-rootless list [--json]`: the sandboxes of this user that run. */

import type { Command } from 'commander';
import { askStatus } from '../../named/control-client.ts';
import type { Status } from '../../named/protocol.ts';
import { liveNames } from '../../named/registry.ts';
import { stateDirectory } from '../../named/state-directory.ts';
import { UsageError } from '../../errors.ts';
import { print } from '../output.ts';
import { makeCommand } from '../program.ts';
import type { Subcommand } from '../subcommands.ts';
import { ageText, bytesText, table } from '../values/table.ts';

/** One that does not answer is shown by its name alone: it is stopped, or on its way in or out. */
interface Row {
  readonly name: string;
  readonly status: Status | undefined;
}

const SECOND_MS = 1_000;
const HEAD = [
  'NAME',
  'PID',
  'CONTEXT',
  'SERVICES OF',
  'AGE',
  'COMMANDS',
  'CONNECTIONS',
  'SENT',
  'RECEIVED',
  'PORTS',
];

function define(): Command {
  return makeCommand('kns-rootless list')
    .usage('[--json]')
    .description('Shows the sandboxes of this user that run.')
    .option('--json', 'print one JSON array in place of lines');
}

async function run(argv: readonly string[]): Promise<number> {
  const program = define().parse(argv, { from: 'user' });
  const state = stateDirectory(process.env);
  const names = await liveNames(state);
  const rows = await Promise.all(names.map(async (name) => ({ name, status: await statusOf(state, name) })));
  const { json = false } = program.opts<{ json?: true }>();
  print(json ? `${JSON.stringify(rows.map(toJson), null, 2)}\n` : toTable(rows));
  return 0;
}

export const list: Subcommand = { define, run };

async function statusOf(state: string, name: string): Promise<Status | undefined> {
  try {
    return await askStatus(state, name);
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

function toJson({ name, status }: Row): object {
  if (status === undefined) return { name, state: 'silent' };
  const { pid, state, since, contexts, commands, traffic, published } = status;
  const ageSeconds = Math.floor(ageMs(since) / SECOND_MS);
  return { name, pid, state, since, ageSeconds, contexts, commands, ...traffic, published };
}

function toTable(rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  return table([HEAD, ...rows.map(toCells)]);
}

function toCells({ name, status }: Row): string[] {
  if (status === undefined) return [name, '?', '?', 'does not answer'];
  const { pid, contexts, since, commands, traffic, published } = status;
  return [
    name,
    String(pid),
    contexts.map(({ context }) => context).join(',') || '-',
    status.state === 'starting' ? 'starting' : contexts.map(({ selection }) => selection).join('; '),
    ageText(ageMs(since)),
    String(commands),
    String(traffic.connections),
    bytesText(traffic.bytesFromCommand),
    bytesText(traffic.bytesToCommand),
    portsText(published),
  ];
}

/** As --publish takes them; the loopback's two addresses are one. */
function portsText(published: Status['published']): string {
  const pairs = published.map(
    ({ protocol, hostPort, port, target }) =>
      `${hostPort}:${target ?? port}${protocol === 'udp' ? '/udp' : ''}`,
  );
  return [...new Set(pairs)].join(',');
}

function ageMs(since: string): number {
  return Math.max(0, Date.now() - Date.parse(since));
}
