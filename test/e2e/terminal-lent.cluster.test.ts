/** Whose the terminal is: the command's while it runs in the foreground, and its caller's again as soon as it stops or ends. */

import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { noneMarked, processesMarked } from '../support/processes.ts';
import { fromSetup } from '../support/program.ts';
import { until } from '../support/until.ts';
import { showsJobControl } from './terminal-checks.ts';
import { CTRL_C, CTRL_Z, endTerminals, Terminal } from './terminal.ts';

afterEach(endTerminals);

/** Its prompt is not what the terminal's echo of its start has. */
const SHELL = `env PS1='inn''er> ' bash --norc -i`;

function program(): string {
  return `${fromSetup('KNS_TEST_PROGRAM')} -n e2e --`;
}

/** A shell at a terminal, as which the user types. */
async function outerShell(env: Record<string, string> = {}): Promise<Terminal> {
  const terminal = new Terminal('bash --norc -i', env);
  await terminal.shows(/ready> /);
  return terminal;
}

async function isOver(terminal: Terminal, status: number): Promise<void> {
  await terminal.shows(/ready> /);
  terminal.type('echo "sta"tus $?\n');
  await terminal.shows(new RegExp(`status ${status}\r\n`));
}

/** A shell has had the terminal, and has ended; who reads from it then is what is in between. */
async function readsAfterShell(terminal: Terminal): Promise<void> {
  await terminal.shows(/inner> /);
  terminal.type('exit\n');
  await terminal.shows(/back\r\n/);
  terminal.type('this\n');
  await terminal.shows(/got this\r\n/);
}

test('who started a shell inside reads on after it, inside', async () => {
  const script = `'${SHELL.replaceAll("'", '"')}; echo "ba"ck; read -r line; echo "got $line"; exit 5'`;
  const started = new Terminal(`${program()} sh -c ${script}`);
  await readsAfterShell(started);
  await started.closed;
  expect(started.code).toBe(5);
  const terminal = await outerShell();
  terminal.type(`${program()} sh -c ${script}\n`);
  await readsAfterShell(terminal);
  await isOver(terminal, 5);
});

test('a script reads on after a shell in a sandbox', async () => {
  const terminal = await outerShell();
  const line = `${program()} ${SHELL.replaceAll("'", '"')}; echo "ba"ck; read -r line; echo "got $line"; exit 5`;
  terminal.type(`bash -c '${line}'\n`);
  await readsAfterShell(terminal);
  await isOver(terminal, 5);
});

test('a shell that is started in the background waits for its turn', async () => {
  const terminal = await outerShell();
  terminal.type(`${program()} ${SHELL} &\n`);
  terminal.type('until jobs -s | grep -q Stopped; do sleep 0.05; done; echo "it "waits\n');
  await terminal.shows(/it waits\r\n/);
  terminal.type('fg\n');
  await terminal.shows(/inner> /);
  terminal.type('exit 6\n');
  await isOver(terminal, 6);
});

/** bash prints the line of a job before it gives it the terminal: its own group, whose leader it is, has that no more. */
async function isInForeground(mark: string): Promise<void> {
  const host = processesMarked(mark).find(({ command }) => command.includes('cli.cjs'));
  const stat = () =>
    readFileSync(`/proc/${host?.pid}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ');
  await until(() => Promise.resolve(stat()[5] !== stat()[1]));
}

test('a job that runs in the background comes to the foreground, and has the keys', async () => {
  const value = `lent-fg-${process.pid}`;
  const terminal = await outerShell({ KNS_TEST_MARK: value });
  terminal.type(`${program()} sh -c 'echo "it "runs; trap "exit 3" INT; while :; do sleep 0.05; done' &\n`);
  await terminal.shows(/it runs\r\n/);
  terminal.type('fg\n');
  await isInForeground(`KNS_TEST_MARK=${value}`);
  terminal.type(CTRL_C);
  await isOver(terminal, 3);

  const reader =
    'trap "read -r line; echo got \\$line; exit 4" INT; echo "it "runs; while :; do sleep 0.05; done';
  terminal.type(`${program()} sh -c '${reader}' &\n`);
  await terminal.shows(/it runs\r\n/);
  terminal.type('fg\n');
  await isInForeground(`KNS_TEST_MARK=${value}`);
  terminal.type(CTRL_C);
  await terminal.shows(/\^C/);
  terminal.type('this\n');
  await terminal.shows(/got this\r\n/);
  await isOver(terminal, 4);
});

// What stops makes no processes by vfork(2): one stopped before it execs holds its parent up, and no shell sees it stop.
test('stopped, in the background, in the foreground again: all processes of the command', async () => {
  const value = `lent-st-${process.pid}`;
  const terminal = await outerShell({ KNS_TEST_MARK: value });
  terminal.type(`${program()} sh -c 'echo "it "runs; (exec sleep 1000); exit 3'\n`);
  await terminal.shows(/it runs\r\n/);
  terminal.type(CTRL_Z);
  await terminal.shows(/Stopped[^]*ready> /);
  terminal.type('bg; jobs -r\n');
  await terminal.shows(/Running[^]*ready> /);
  terminal.type('fg\n');
  await isInForeground(`KNS_TEST_MARK=${value}`);
  terminal.type(CTRL_C);
  await isOver(terminal, 130);
});

test("a shell's own signal to a job reaches all processes of the command", async () => {
  const terminal = await outerShell();
  const child = 'trap "echo child "ended"; exit" TERM; echo it "runs"; while :; do sleep 0.05; done';
  terminal.type(`${program()} sh -c '(${child}) & trap : TERM; wait; wait; exit 7' &\n`);
  await terminal.shows(/it runs\r\n/);
  terminal.type('kill %1\n');
  await terminal.shows(/child ended\r\n/);
  terminal.type('wait %1\n');
  await isOver(terminal, 7);
});

test('Ctrl-Z stops nothing where no shell could continue it', async () => {
  const terminal = new Terminal(`${program()} sh -c 'echo up; read -r line; echo "got $line"; exit 4'`);
  await terminal.shows(/up\r\n/);
  terminal.type(CTRL_Z);
  // The key drops what has been typed besides (termios(3), NOFLSH).
  await terminal.shows(/\^Z/);
  terminal.type('this\n');
  await terminal.shows(/got this\r\n/);
  await terminal.closed;
  expect(terminal.code).toBe(4);
});

test('in the background of its command, kns-rootless writes to a terminal that stops who does', async () => {
  const terminal = await outerShell();
  terminal.type('stty tostop\n');
  await terminal.shows(/ready> /);
  const script = 'curl -sm 5 http://192.0.2.1/; read -r line; echo "got $line"; exit 5';
  terminal.type(`${fromSetup('KNS_TEST_PROGRAM')} -v -n e2e -- sh -c '${script}'\n`);
  await terminal.shows(/192\.0\.2\.1[^]*192\.0\.2\.1/);
  terminal.type('this\n');
  await terminal.shows(/got this\r\n/);
  await isOver(terminal, 5);
});

test('a sandbox in a sandbox stops and goes on with it, and its shell has job control', async () => {
  await showsJobControl(new Terminal(`${program()} ${program()} bash --norc -i`));
  const value = `lent-nested-${process.pid}`;
  const terminal = await outerShell({ KNS_TEST_MARK: value });
  terminal.type(`${program()} ${program()} sh -c 'echo "it "runs; (exec sleep 1000); exit 3'\n`);
  await terminal.shows(/it runs\r\n/);
  terminal.type(CTRL_Z);
  await terminal.shows(/Stopped[^]*ready> /);
  terminal.type('fg\n');
  await isInForeground(`KNS_TEST_MARK=${value}`);
  terminal.type(CTRL_C);
  await isOver(terminal, 130);
});

test('SIGKILL while the command has the terminal: its shell has it again', async () => {
  const value = `lent-${process.pid}`;
  const mark = `KNS_TEST_MARK=${value}`;
  const terminal = await outerShell({ KNS_TEST_MARK: value });
  terminal.type(`${program()} sh -c 'echo "it "runs; sleep 1000'\n`);
  await terminal.shows(/it runs\r\n/);
  const host = processesMarked(mark).find(({ command }) => command.includes('cli.cjs'));
  process.kill(host?.pid ?? 0, 'SIGKILL');
  await terminal.shows(/Killed[^]*ready> /);
  terminal.type('echo "ali"ve\n');
  await terminal.shows(/alive\r\n/);
  terminal.end();
  await noneMarked(mark);
});
