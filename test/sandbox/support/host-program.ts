/**
 * A program that launches one sandbox, run by the tests as an ordinary user.
 *
 * Its one argument is a HostRequest. It tells what happens over Node's IPC
 * channel, and does what it is told there; the command's stdin, stdout and
 * stderr are its own.
 */

import { closeSync, openSync, readdirSync } from 'node:fs';
import {
  borrowNamespaces,
  join,
  launch,
  PASSED_SIGNALS,
  readCallerState,
  SandboxError,
  type RunningCommand,
  type Sandbox,
  watchSignals,
} from '../../../sandbox/index.ts';
import { OutgoingFrame } from '../../../stack/device.ts';
import { childrenOf, processesMarked } from '../../support/processes.ts';
import type { Fault, HostReport, HostRequest, HostTask } from './protocol.ts';

const request = JSON.parse(process.argv[2] ?? '{}') as HostRequest;

function report(message: HostReport): void {
  process.send?.(message);
}

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

function sendFrame(sandbox: Sandbox, hex: string): void {
  const bytes = Buffer.from(hex, 'hex');
  const frame = new OutgoingFrame();
  // The header apart from the payload, to have two pieces gathered.
  frame.head.set(bytes.subarray(0, 30));
  frame.headLength = 30;
  frame.pieces.push(bytes.subarray(30));
  frame.pieceLength[0] = bytes.length - 30;
  frame.pieceCount = 1;
  report({ kind: 'sent', taken: sandbox.device.send(frame) });
}

const joined = new Map<number, RunningCommand>();
const joins: Promise<void>[] = [];

async function joinIt(sandbox: Sandbox, { id, options }: Extract<HostTask, { kind: 'join' }>): Promise<void> {
  try {
    const namespaces = await borrowNamespaces(process.pid, await sandbox.namespaces());
    const command = await join({ ...options, namespaces });
    joined.set(id, command);
    report({ kind: 'joined', id });
    const { code } = await command.exited;
    await command.close();
    report({ kind: 'left', id, code });
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    report({ kind: 'failed', code: error.code, message: error.message, remedy: error.remedy });
  }
}

function obey(sandbox: Sandbox, task: HostTask): void {
  switch (task.kind) {
    case 'start':
      return sandbox.start();
    case 'signal':
      return sandbox.signal(task.signo);
    case 'write':
      return sandbox.files[task.file].write(task.text);
    case 'send':
      return sendFrame(sandbox, task.frame);
    case 'join':
      return void joins.push(joinIt(sandbox, task));
    case 'go':
      return void joined.get(task.id)?.start();
    case 'leave':
      return void joined.get(task.id)?.close();
    case 'close':
      void sandbox.close();
  }
}

/** The processes of the sandbox that this program has launched, by what they are called. */
const NAMES = {
  guard: / guard \d/,
  bubblewrap: /^\S*bwrap /,
  helper: /^\S*kns-netns /,
};

/** Nobody may look into init, nor into what is not the command yet; whose children they are is open to all. */
function initsBelow(parent: number): number[] {
  const inits = childrenOf(parent).filter(({ command }) => / init \d/.test(command));
  return inits.flatMap(({ pid }) => [pid].concat(initsBelow(pid)));
}

function pidsOf(victim: Fault['victim']): number[] {
  if (victim === 'host') return [process.pid];
  if (victim === 'init') return pidsOf('bubblewrap').flatMap(initsBelow);
  const processes = processesMarked(`KNS_TEST_MARK=${process.env['KNS_TEST_MARK']}`);
  return processes.filter(({ command }) => NAMES[victim].test(command)).map(({ pid }) => pid);
}

function strike({ victim, signal }: Fault): void {
  const pids = pidsOf(victim);
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended with the one before it.
    }
  }
  report({ kind: 'struck', count: pids.length });
}

const onStage = (stage: Fault['stage']): void => {
  if (request.fault?.stage === stage) strike(request.fault);
};

class GivenUp extends Error {
  readonly code = 'GIVEN_UP';
  readonly remedy = 'none';
}

/** Told to close while there is nothing to be closed yet. */
const giveUp = new AbortController();
process.once('message', (task: HostTask) => {
  if (task.kind === 'close') giveUp.abort(new GivenUp('as it was told'));
});

async function run(sandbox: Sandbox): Promise<void> {
  const signals = request.passSignals
    ? await watchSignals(PASSED_SIGNALS, (signal) => sandbox.pass(signal))
    : undefined;
  process.on('message', (task: HostTask) => obey(sandbox, task));
  sandbox.device.start((arena, offsets, lengths, count) => {
    for (let i = 0; i < count; i++) {
      const at = offsets[i] ?? 0;
      const head = arena.subarray(at, at + Math.min(lengths[i] ?? 0, 128));
      report({ kind: 'frame', length: lengths[i] ?? 0, head: Buffer.from(head).toString('hex') });
    }
  });
  report({ kind: 'launched', notes: [...sandbox.notes], link: sandbox.device.kind });
  const { code } = await sandbox.exited;
  await sandbox.close();
  await Promise.all(joins);
  report({ kind: 'exited', code });
  // Not before: a signal that comes meanwhile is not to end this process without a word.
  signals?.close();
}

/** Launches and closes over and over, and tells the open files after the first round and the last. */
async function cycle(rounds: number): Promise<void> {
  let first = 0;
  for (let round = 0; round < rounds; round++) {
    const sandbox = await launch({ ...request.options });
    sandbox.start();
    await sandbox.exited;
    await sandbox.close();
    if (round === 0) first = openFiles();
  }
  report({ kind: 'cycled', first, last: openFiles() });
}

async function main(): Promise<void> {
  // One that is meant for the command must not end its host.
  process.on('SIGTERM', () => {});
  // Not to be found in the sandbox, whatever its number is.
  const decoy = openSync('/dev/null', 'r');
  const caller = readCallerState(process.env);
  try {
    if (request.cycles !== undefined) await cycle(request.cycles);
    else await run(await launch({ ...request.options, caller, onStage, abort: giveUp.signal }));
  } catch (error) {
    if (!(error instanceof SandboxError || error instanceof GivenUp)) throw error;
    report({ kind: 'failed', code: error.code, message: error.message, remedy: error.remedy });
  }
  closeSync(decoy);
  process.disconnect();
}

void main();
