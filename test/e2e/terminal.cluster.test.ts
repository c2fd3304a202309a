/** At a terminal: job control, keys that are signals, and the line that tells where one is. */

import { execFileSync } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { noneMarked } from '../support/processes.ts';
import { fromSetup } from '../support/program.ts';
import { CTRL_C, CTRL_Z, endTerminals, Terminal } from './terminal.ts';
import { refusesTyping, showsJobControl } from './terminal-checks.ts';

afterEach(endTerminals);

test('one line names context, namespace and the number of Services', async () => {
  const terminal = new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- true`);
  await terminal.shows(/^kns-rootless: context \S+, namespace e2e, 7 Services\r\n/);
  await terminal.closed;
  expect(terminal.code).toBe(0);
});

test('Ctrl-C reaches the command once', async () => {
  // The loop ends once the key was seen; a second signal would show within the sleep that follows.
  const script =
    'trap "n=x$n" INT; echo up; until [ "$n" ]; do sleep 0.05; done; sleep 0.3; echo "got $n"; exit 5';
  const terminal = new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c '${script}'`);
  await terminal.shows(/up\r\n/);
  terminal.type(CTRL_C);
  await terminal.shows(/got x\r\n/);
  await terminal.closed;
  expect(terminal.code).toBe(5);
});

test('Ctrl-C ends a command that does not handle it', async () => {
  const terminal = new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c 'echo up; exec sleep 100'`);
  await terminal.shows(/up\r\n/);
  terminal.type(CTRL_C);
  await terminal.closed;
  expect(terminal.code).toBe(130);
});

test('Ctrl-C ends the loop of a shell around it, and a script', async () => {
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  const run = `${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c 'echo "star"ted; exec sleep 1000'; echo "went "on`;
  terminal.type(`for i in 1 2; do ${run}; done\n`);
  await terminal.shows(/started\r\n/);
  terminal.type(CTRL_C);
  await terminal.shows(/ready> /);
  terminal.type(`bash -c ${JSON.stringify(run).replaceAll('$', '\\$')}\n`);
  await terminal.shows(/started\r\n/);
  terminal.type(CTRL_C);
  await terminal.shows(/ready> /);
  terminal.type('echo "status $?"\n');
  await terminal.shows(/status 130\r\n/);
  expect(terminal.shown).not.toMatch(/went on/);
});

test('a script around it goes on where the command made something of Ctrl-C', async () => {
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  const inside = `'trap "exit 130" INT; echo "star"ted; while :; do sleep 0.05; done'`;
  const run = `${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c ${inside}; echo "went "on`;
  terminal.type(`for i in 1; do ${run}; done\n`);
  await terminal.shows(/started\r\n/);
  terminal.type(CTRL_C);
  await terminal.shows(/went on\r\n/);
});

test('a shell has job control', async () => {
  await showsJobControl(new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- bash --norc -i`));
});

test('a program that stops itself alone, as less does, stops the whole job; fg continues it', async () => {
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  const inside = 'kill -TSTP $$; echo "resu"med; exit 3';
  terminal.type(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c '${inside}'\n`);
  await terminal.shows(/\[1\]\+ +Stopped[^]*ready> /);
  terminal.type('jobs -r; echo "none "runs; fg\n');
  await terminal.shows(/none runs[^]*resumed\r\n/);
  terminal.type('echo "status $?"\n');
  await terminal.shows(/status 3\r\n/);
});

test('an inner shell can be suspended, and comes back with its terminal', async () => {
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  terminal.type(`PS1='inner> ' ${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- bash --norc -i\n`);
  await terminal.shows(/inner> /);
  terminal.type('suspend\n');
  await terminal.shows(/Stopped[^]*ready> /);
  terminal.type('fg\n');
  terminal.type('echo "back "again\n');
  await terminal.shows(/back again\r\n/);
  terminal.type('exit 4\n');
  await terminal.shows(/ready> /);
  terminal.type('echo "status $?"\n');
  await terminal.shows(/status 4\r\n/);
});

test('a pipeline is one job: Ctrl-Z stops both ends, fg continues both, the reader keeps the terminal', async () => {
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  const writer = 'echo "star"ted; while read -r line; do echo "got $line"; done';
  const reader = `while read -r line; do echo "seen $line"; done`;
  terminal.type(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c '${writer}' | (${reader})\n`);
  await terminal.shows(/seen started\r\n/);
  terminal.type(CTRL_Z);
  await terminal.shows(/Stopped[^]*ready> /);
  terminal.type('fg\n');
  terminal.type('this\n');
  await terminal.shows(/seen got this\r\n/);
  terminal.type('\x04');
  await terminal.shows(/ready> /);
});

test('a job in the background runs, and is told when it is done', async () => {
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  terminal.type(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c 'echo "in the "back; exit 5' &\n`);
  await terminal.shows(/in the back\r\n/);
  terminal.type('wait %1; echo "status $?"\n');
  await terminal.shows(/status 5\r\n/);
});

test('a job in the background that reads is stopped, and reads on in the foreground', async () => {
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  terminal.type(
    `${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c 'read -r line; echo "got $line"; exit 4' &\n`,
  );
  await terminal.shows(/ready> /);
  terminal.type('until jobs -s | grep -q Stopped; do sleep 0.05; done; echo "it "waits\n');
  await terminal.shows(/it waits\r\n/);
  terminal.type('fg\n');
  terminal.type('this\n');
  await terminal.shows(/got this\r\n/);
  terminal.type('echo "status $?"\n');
  await terminal.shows(/status 4\r\n/);
});

test('jobs that the shell has already go on beside it', async () => {
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  terminal.type('sleep 1000 &\n');
  await terminal.shows(/ready> /);
  terminal.type(
    `${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c 'kill -TERM 0; exit 5'; jobs -r; kill %1\n`,
  );
  await terminal.shows(/Running +sleep 1000/);
});

test('a full screen: keys one by one, the window and its changes, stopped and resumed', async () => {
  const program = `
    const { stdin, stdout } = process;
    const size = (word) => console.log(word + " " + stdout.columns + "x" + stdout.rows);
    let changes = 0;
    stdin.setRawMode(true);
    stdout.on("resize", () => size("change " + ++changes));
    process.on("SIGCONT", () => { stdin.setRawMode(true); size("again"); });
    stdin.on("data", (keys) => {
      for (const key of keys) {
        if (key === 122) { stdin.setRawMode(false); process.kill(process.pid, "SIGTSTP"); }
        else if (key === 113) { stdin.setRawMode(false); process.exit(changes); }
        else console.log("key " + key);
      }
    });
    size("drawn");`.replaceAll(/\s+/g, ' ');
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  terminal.type('tty; stty rows 24 cols 80; stty -echo\n');
  const [, device = ''] = /(\/dev\/pts\/\d+)/.exec(await terminal.shows(/\/dev\/pts\/\d+[^]*ready> /)) ?? [];
  terminal.type(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- ${process.execPath} -e '${program}'\n`);
  await terminal.shows(/drawn 80x24\r\n/);
  terminal.type(CTRL_C);
  await terminal.shows(/key 3\r\n/);
  // One change: for two, stty makes two calls.
  execFileSync('stty', ['-F', device, 'rows', '40']);
  await terminal.shows(/change 1 80x40\r\n/);
  terminal.type('z');
  await terminal.shows(/Stopped[^]*ready> /);
  terminal.type('fg\n');
  await terminal.shows(/again 80x40\r\n/);
  terminal.type('x');
  await terminal.shows(/key 120\r\n/);
  terminal.type('q');
  await terminal.shows(/ready> /);
  terminal.type('echo "changes $?"\n');
  await terminal.shows(/changes 1\r\n/);
});

test('a terminal that goes away ends a command that does not handle it', async () => {
  const env = { KNS_TEST_MARK: `hang-up-${process.pid}` };
  const terminal = new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- bash --norc -i`, env);
  await terminal.shows(/ready> /);
  terminal.type('sleep 1000; echo over\n');
  await terminal.shows(/over\r\n/);
  terminal.end();
  await noneMarked(`KNS_TEST_MARK=${env.KNS_TEST_MARK}`);
});

test('the command can not type into the terminal, by any of the ways a processor has', async () => {
  await refusesTyping((probe) => new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- ${probe}`));
});
