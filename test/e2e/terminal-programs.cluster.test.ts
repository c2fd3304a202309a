/** Programs that have the screen and the keyboard to themselves, and shells that hand them over, as without a sandbox. */

import { execFileSync } from 'node:child_process';
import { appendFileSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { testWith } from '../support/programs.ts';
import { fromSetup } from '../support/program.ts';
import { CTRL_C, CTRL_Z, endTerminals, Terminal } from './terminal.ts';
import { showsJobControl } from './terminal-checks.ts';

const ESCAPE = '\x1b';
const END_OF_FILE = '\x04';
/** Past what any program needs to stop. */
const CTRL_Z_AGAIN_MS = 2_000;

let folder: string;
let terminal: Terminal;
let device: string;

/** A shell at a terminal of 80 by 24. Programs draw there as on a VT100, with few sequences between the words. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kns-screen-'));
  chownSync(folder, ordinaryUser().uid, ordinaryUser().gid);
  terminal = new Terminal('bash --norc -i', { TERM: 'vt100' });
  await terminal.shows(/ready> /);
  terminal.type('stty rows 24 cols 80; tty\n');
  [device = ''] = /\/dev\/pts\/\d+/.exec(await terminal.shows(/\/dev\/pts\/\d+[^]*ready> /)) ?? [];
});
afterEach(() => {
  endTerminals();
  rmSync(folder, { recursive: true });
});

function runInside(command: string): void {
  terminal.type(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- ${command}\n`);
}

/** One of the two: stty(1) sets them one after the other, and a program may draw in between. */
function resize(side: 'rows' | 'cols', count: number): void {
  execFileSync('stty', ['-F', device, side, String(count)]);
}

/** Of those that draw all the time (htop) one in some dozens misses a Ctrl-Z, without a sandbox as well. */
async function stopsAndGoesOn(): Promise<void> {
  terminal.type(CTRL_Z);
  const again = setInterval(() => terminal.type(CTRL_Z), CTRL_Z_AGAIN_MS);
  await terminal.shows(/Stopped[^]*ready> /).finally(() => clearInterval(again));
  terminal.type('fg\n');
}

/** The program has ended, and the shell has its terminal back as it was. */
async function isOver(status: number): Promise<void> {
  await terminal.shows(/ready> /);
  terminal.type('echo "sta"tus $?; stty -a | grep -o " icanon"\n');
  await terminal.shows(new RegExp(`status ${status}\\r\\n icanon\\r\\n`));
}

testWith('vim')('vim: edits, writes, is stopped and continued, follows the window, quits', async () => {
  const file = join(folder, 'letter');
  runInside(`vim -u NONE -i NONE -N ${file}`);
  await terminal.shows(/letter" \[New\]/);
  terminal.type(`ifirst line${ESCAPE}:w\r`);
  await terminal.shows(/1L, 11B written/);
  expect(readFileSync(file, 'utf8')).toBe('first line\n');
  await stopsAndGoesOn();
  await terminal.shows(/first line/);
  resize('rows', 30);
  await terminal.shows(/first line/);
  terminal.type(':echo "now" &lines "by" &columns\r');
  await terminal.shows(/now 30 by 80/);
  terminal.type(':q\r');
  await isOver(0);
});

testWith('less')('less: scrolls, follows a file until Ctrl-C, follows the window, quits', async () => {
  const file = join(folder, 'rows');
  writeFileSync(file, Array.from({ length: 200 }, (_, i) => `row ${i + 1}\n`).join(''));
  runInside(`less ${file}`);
  await terminal.shows(/row 23\r\n/);
  terminal.type(' ');
  await terminal.shows(/row 46\r\n/);
  await stopsAndGoesOn();
  await terminal.shows(/row 46\r\n/);
  terminal.type('F');
  await terminal.shows(/row 200\r\n[^]*Waiting for data/);
  appendFileSync(file, 'row 201\n');
  await terminal.shows(/row 201\r\n/);
  terminal.type(CTRL_C);
  // The interrupt drops what has been typed besides (termios(3), NOFLSH).
  await terminal.shows(/\(END\)/);
  terminal.type('g');
  await terminal.shows(/row 1\r\n/);
  resize('rows', 40);
  await terminal.shows(/row 39\r\n/);
  terminal.type('q');
  await isOver(0);
});

testWith('htop')('htop: shows the processes of the sandbox, follows the window, quits', async () => {
  runInside('htop --no-color --delay=1');
  // Itself, and the first process.
  await terminal.shows(/Tasks: .*2[^]*PID/);
  await stopsAndGoesOn();
  await terminal.shows(/Tasks: /);
  resize('rows', 30);
  await terminal.shows(/F10/);
  terminal.type('q');
  await isOver(0);
});

testWith('stty')('stty: the size of the window, and its changes', async () => {
  runInside(
    'sh -c \'stty size; trap "stty size; exit 3" WINCH; echo "list"ens; while :; do sleep 0.05; done\'',
  );
  await terminal.shows(/24 80\r\nlistens\r\n/);
  resize('cols', 132);
  await terminal.shows(/24 132\r\n/);
  await isOver(3);
});

/** What lends its terminal has it back by the number of its own process group. */
testWith('vim')('vim: has its terminal back from a shell', async () => {
  runInside(`env PS1='inner> ' vim -u NONE -i NONE -N`);
  await terminal.shows(/~\r\n/);
  terminal.type(':set shell=bash\\ --norc\\ -i\r:sh\r');
  await terminal.shows(/inner> /);
  terminal.type('exit\n');
  terminal.type('\r:echo "still" 40+2\r');
  await terminal.shows(/still 42/);
  await stopsAndGoesOn();
  terminal.type(':cq 3\r');
  await isOver(3);
});

testWith('gdb')('gdb: runs a program and has its terminal back, at its end and at Ctrl-C', async () => {
  runInside('gdb -q -nx --args cat');
  await terminal.shows(/\(gdb\) /);
  terminal.type('run\n');
  await terminal.shows(/Starting program[^]*\n/);
  terminal.type('to the program\n');
  await terminal.shows(/to the program\r\n[^]*to the program\r\n/);
  terminal.type(CTRL_C);
  await terminal.shows(/SIGINT[^]*\(gdb\) /);
  terminal.type('continue\n');
  await terminal.shows(/Continuing/);
  terminal.type(END_OF_FILE);
  await terminal.shows(/exited normally[^]*\(gdb\) /);
  terminal.type('quit 4\n');
  await isOver(4);
});

const SHELLS = {
  bash: '--norc',
  busybox: 'ash',
  dash: '',
  ksh93: '',
  mksh: '',
  yash: '--noprofile --norcfile',
  zsh: '-f',
};

/** Where it is not 128 and the signal: 256, and 384. */
const INTERRUPTED: Readonly<Record<string, number>> = { ksh93: 258, yash: 386 };

for (const [shell, options] of Object.entries(SHELLS)) {
  testWith(shell)(`${shell}: has job control`, async () => {
    const started = `${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- ${shell} ${options} -i`;
    await showsJobControl(new Terminal(started, { YASH_PS1: 'ready> ' }), INTERRUPTED[shell]);
  });
}
