/**
 * Starts a command in a sandbox of its own, with one network interface that
 * this process drives.
 *
 *   this process                    guard ─ bwrap ─ child                 kns-netns
 *        ├─ spawn both ───────────────▶│      │       │                      │
 *        │◀──────────── info-fd: pid ─────────┤       │ mounts               │
 *        ├─ "link PID" ─────────────────────────────────────────────────────▶│ enters, makes kns0
 *        │◀─ its fd ─────────────────────────────────────────────────────────┤
 *        ├─ block-fd ────────────────────────────────▶│ execs kns-stub init  │
 *        │◀─ "ready", pidfd ──────────────────────────┤                      │
 *        ├─ "files" ────────────────────────────────────────────────────────▶│ /etc, /sys
 *        │◀─ directory fd ───────────────────────────────────────────────────┤
 *        │     launch() returns; names and addresses are written meanwhile
 *        ├─ start(): one byte ───────────────────────▶│ execs the command    │
 *        ├─ listenInside(): "listen …" ─────────────────────────────────────▶│ while the sandbox is
 *        │◀─ socket fd ──────────────────────────────────────────────────────┘
 *
 * "ready" is also what tells a failed set-up from a command that failed:
 * bubblewrap exits with 1 in both cases, but only a sandbox that stands says it.
 *
 * Whatever goes wrong, the way out is one: close the guard's channel, and it
 * ends all that was started. The kernel does the same if this process is
 * killed. Nothing of a sandbox is on the host's file system.
 *
 * PR_SET_PDEATHSIG follows the thread that started a process: a worker thread
 * that launches a sandbox must outlive it.
 */

import { closeSync } from 'node:fs';
import { homedir } from 'node:os';
import { explainBwrap, findBwrap, isMountRace } from './bwrap.ts';
import { ChannelClosed } from './channel.ts';
import { LinkDevice } from './device.ts';
import { SandboxError } from './errors.ts';
import { type FilesToLay, HelperGone, NamespaceGone, NetnsHelper } from './helper.ts';
import { type LinkOptions, makeLink } from './link.ts';
import { loadNative, type Native } from './native/addon.ts';
import { type CallerState, isLauncher } from './process/caller.ts';
import { endGuard } from './process/command.ts';
import { FD, Guard } from './process/guard.ts';
import {
  explainLimit,
  orAborted,
  receivePidfd,
  SetupEnded,
  setupSignal,
  spawnFailed,
  workingDirectory,
} from './process/setup.ts';
import { inheritedFds } from './process/inherited-fds.ts';
import { type PrivilegeOptions, privilegeArguments } from './process/privilege.ts';
import { RunningSandbox, type Sandbox, type Stage } from './running.ts';
import { EtcDirectory } from './view/etc.ts';
import { type FileOptions, type FileView, fileView, visibleEnvironment } from './view/files.ts';
import { refusedSshFiles } from './view/ssh-files.ts';

/** How often bubblewrap may meet a host whose mounts change under its hands. */
const MAX_ATTEMPTS = 5;

export interface LaunchOptions {
  /**
   * The program, looked up in the command's PATH, and its arguments: text, or bytes where they are none. Without
   * a command the sandbox stands for others to join, until it is closed, and is not started.
   */
  readonly command?: readonly (string | Uint8Array)[];
  /** Where the command starts; default: here. */
  readonly cwd?: string;
  /** The command's whole environment; default: ours. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly link: LinkOptions;
  /** What of the host's file system the command sees; default: all of it. */
  readonly files?: FileOptions;
  readonly privilege?: PrivilegeOptions;
  /** Open files of ours that the command gets, under the same numbers. */
  readonly fds?: readonly number[];
  /** What the caller had set before Node changed it. */
  readonly caller?: CallerState;
  /** A directory that this process has locked, to be removed where this process is killed. */
  readonly locked?: string;
  /** Gives the launch up; a sandbox that stands already is ended by `close`. */
  readonly abort?: AbortSignal;
  /** Told of each step as it is done; what it does meanwhile holds the launch up. */
  readonly onStage?: (stage: Stage) => void;
}

/** The end of bubblewrap shows in many places; its own words tell why. */
async function explain(error: unknown, guard: Guard): Promise<unknown> {
  if (error instanceof HelperGone) return spawnFailed(error.message);
  const isSymptom =
    error instanceof SetupEnded || error instanceof NamespaceGone || error instanceof ChannelClosed;
  const isNetns = error instanceof SandboxError && error.code === 'NETNS_FAILED';
  if (!isSymptom && !(isNetns && guard.complaint !== '')) return error;
  const { code } = await guard.exited;
  return guard.spawnFailure === undefined
    ? explainBwrap(guard.complaint, code)
    : spawnFailed(guard.spawnFailure);
}

function launchTimeout(seconds: number): SandboxError {
  return new SandboxError(
    'SETUP_TIMEOUT',
    `the sandbox was not ready after ${seconds} s`,
    'see what holds it up: run the same under strace -f, and try a plain bwrap --unshare-user --unshare-net --dev-bind / / true',
  );
}

/** The fds that a set-up has gathered, to be closed where it fails half-way. */
class Gathered {
  readonly #fds: number[] = [];

  keep(fd: number): number {
    this.#fds.push(fd);
    return fd;
  }

  closeAll(): void {
    for (const fd of this.#fds) closeSync(fd);
  }
}

function nothing(): void {}

async function setUp(
  native: Native,
  { guard, laid }: Started,
  helper: NetnsHelper,
  signal: AbortSignal,
  { link, privilege, caller, onStage = nothing }: LaunchOptions,
): Promise<Sandbox> {
  const gathered = new Gathered();
  try {
    onStage('spawned');
    const childPid = await orAborted(guard.childPid, signal);
    onStage('unshared');
    const made = await makeLink(helper, childPid, link, signal);
    gathered.keep(made.fd);
    onStage('linked');
    guard.unblock();
    const pidfd = gathered.keep(await receivePidfd(guard, signal));
    onStage('ready');
    const mayNest = privilege?.nestedUserNamespaces ?? true;
    const directory = gathered.keep(await helper.files(laid, !mayNest, signal));
    onStage('furnished');
    const sharesPids = privilege?.sharePid ?? false;
    // What shares the host's pids may stay when the command has ended.
    const device = new LinkDevice(native.api, made, !sharesPids);
    return new RunningSandbox({
      api: native.api,
      guard,
      helper,
      device,
      files: new EtcDirectory(directory),
      pidfd,
      sharesPids,
      mayLead: isLauncher(caller) && !sharesPids,
      notes: helper.notes,
      onStage,
    });
  } catch (error) {
    gathered.closeAll();
    throw error;
  }
}

interface Started {
  readonly guard: Guard;
  /** What is left of the view for the helper to make. */
  readonly laid: FilesToLay;
}

/** Root has an id in a sandbox of its own. */
function filesToCopy(view: FileView, env: Environment): string[] {
  return process.geteuid?.() === 0 ? [] : refusedSshFiles(homeOf(env)).filter(view.shows);
}

type Environment = Readonly<Record<string, string | undefined>>;

function homeOf(env: Environment): string {
  return env['HOME'] || homedir();
}

type ViewOptions = Pick<LaunchOptions, 'files' | 'privilege' | 'cwd' | 'env'>;

function viewOf({ files = {}, privilege = {}, ...options }: ViewOptions): FileView {
  const env = options.env ?? process.env;
  const cwd = workingDirectory(options.cwd);
  return fileView(files, { env, home: homeOf(env), cwd }, !(privilege.sharePid ?? false));
}

/** Tells whether a command would find the host's file at a path, as things are now. @throws SandboxError as `launch` does of files */
export function visibleFiles(options: ViewOptions): (file: string) => boolean {
  return viewOf(options).shows;
}

/** All that is decided before anything is started. */
function startGuard(native: Native, options: LaunchOptions): Started {
  const { files = {}, privilege = {}, caller } = options;
  const env = options.env ?? process.env;
  const cwd = workingDirectory(options.cwd);
  const sharePid = privilege.sharePid ?? false;
  const view = viewOf(options);
  const guard = new Guard(native, {
    command: options.command ?? [],
    cwd,
    env: visibleEnvironment(files, env),
    caller,
    fds: inheritedFds(options.fds ?? [], caller),
    after: sharePid ? 'leave' : 'end',
    ...(options.locked === undefined ? {} : { locked: options.locked }),
    entry: [
      findBwrap(),
      ...privilegeArguments(privilege),
      ...view.args,
      '--chdir',
      '/',
      '--info-fd',
      String(FD.info),
      '--block-fd',
      String(FD.block),
    ],
  });
  return { guard, laid: { covered: view.covered, copied: filesToCopy(view, env) } };
}

/** The attempt met a mount of the host's on its way out; the next one hardly will. */
class MountsChanged extends Error {
  override readonly name = 'MountsChanged';
}

async function attempt(native: Native, options: LaunchOptions): Promise<Sandbox> {
  let guard: Guard | undefined;
  let helper: NetnsHelper | undefined;
  let done = nothing;
  try {
    const started = startGuard(native, options);
    guard = started.guard;
    const setup = setupSignal(guard, launchTimeout, options.abort);
    done = setup.done;
    helper = NetnsHelper.start(native);
    return await setUp(native, started, helper, setup.signal, options);
  } catch (error) {
    if (guard === undefined) throw explainLimit(error);
    await Promise.all([endGuard(guard), helper?.close()]);
    const explained = await explain(error, guard);
    if (isMountRace(guard.complaint) && explained !== error)
      throw new MountsChanged('', { cause: explained });
    throw explainLimit(explained);
  } finally {
    done();
  }
}

/**
 * Makes a sandbox that is ready to run its command.
 *
 * @throws SandboxError where this system does not let it, or the options ask
 *   for what is not there; the reason of `abort` where that came first. Nothing
 *   is left then.
 */
export async function launch(options: LaunchOptions): Promise<Sandbox> {
  if (options.command?.length === 0) throw new TypeError('a command has at least one word');
  const native = await loadNative();
  for (let attempts = 1; ; attempts++) {
    options.abort?.throwIfAborted();
    try {
      return await attempt(native, options);
    } catch (error) {
      if (!(error instanceof MountsChanged)) throw error;
      if (attempts === MAX_ATTEMPTS) throw error.cause;
    }
  }
}
