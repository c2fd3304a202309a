/**
 * Where the native artefacts of this machine are.
 *
 * `prebuilt/linux-<arch>/` of the package where it is there; else a build in
 * the user's cache, under the hash of the sources, so that versions don't
 * collide and an upgrade builds anew. That is run as the user, so it is taken
 * only where it belongs to them and nobody else can write it.
 */

import { accessSync, constants, existsSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { SandboxError } from '../errors.ts';
import { isWritableByOthers, statOf } from '../file-status.ts';
import { ARTEFACTS, buildNative, nativeSources, sourceHash } from './build.ts';
import { packageRoot } from './package-root.ts';

export interface NativeArtefacts {
  /** Of the release, or built on this machine. */
  readonly origin: 'prebuilt' | 'built';
  readonly addon: string;
  readonly netns: string;
  readonly stub: string;
}

function artefactsIn(directory: string, origin: NativeArtefacts['origin']): NativeArtefacts {
  return {
    origin,
    addon: join(directory, 'addon.node'),
    netns: join(directory, 'kns-netns'),
    stub: join(directory, 'kns-stub'),
  };
}

function isComplete(directory: string): boolean {
  return Object.keys(ARTEFACTS).every((name) => existsSync(join(directory, name)));
}

function isUsable(directory: string): boolean {
  try {
    accessSync(join(directory, 'kns-stub'), constants.X_OK);
    return isComplete(directory);
  } catch {
    return false;
  }
}

const PRIVATE = 0o700;

/** The user's cache (XDG Base Directory Specification: a relative path is to be ignored). */
export function cacheDirectory(): string {
  const configured = process.env['XDG_CACHE_HOME'];
  return configured && isAbsolute(configured) ? configured : join(ownHome(), '.cache');
}

/** With sudo, $HOME may be another's, who could not write to what root makes there. */
function ownHome(): string {
  const home = homedir();
  const isRoot = process.getuid?.() === 0;
  return isRoot && (statOf(home)?.uid ?? 0) !== 0 ? userInfo().homedir : home;
}

function refuseForeign(directory: string): void {
  const there = statOf(directory);
  // What can't be seen can't be built in either, which is told.
  if (there === undefined) return;
  const isTrusted = there.uid === 0 || there.uid === process.getuid?.();
  if (isTrusted && !isWritableByOthers(there)) return;
  throw new SandboxError(
    'BUILD_FAILED',
    `the native parts in ${directory} are somebody else's, or others may write there`,
    'remove them, or set XDG_CACHE_HOME to a directory of your own',
  );
}

function prebuiltDirectory(): string {
  return join(packageRoot(), 'prebuilt', `linux-${process.arch}`);
}

/** Builds for this machine, in the user's cache; quick where that was done before. */
export async function buildInCache(): Promise<NativeArtefacts> {
  const hash = sourceHash(nativeSources());
  const directory = join(cacheDirectory(), 'kns-rootless', hash.slice(0, 16));
  refuseForeign(directory);
  await buildNative(directory, PRIVATE);
  return artefactsIn(directory, 'built');
}

export async function locateNative(): Promise<NativeArtefacts> {
  const prebuilt = prebuiltDirectory();
  return isUsable(prebuilt) ? artefactsIn(prebuilt, 'prebuilt') : await buildInCache();
}
