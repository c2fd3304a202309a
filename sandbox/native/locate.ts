/**
 * Where the native artefacts of this machine are.
 *
 * `prebuilt/linux-<arch>/` of the package where it is there; else a build in
 * the user's cache, under the hash of the sources, so that versions don't
 * collide and an upgrade builds anew.
 */

import { accessSync, constants, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
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

/** The user's cache (XDG Base Directory Specification: a relative path is to be ignored). */
function cacheDirectory(): string {
  const configured = process.env['XDG_CACHE_HOME'];
  return configured && isAbsolute(configured) ? configured : join(homedir(), '.cache');
}

function prebuiltDirectory(): string {
  return join(packageRoot(), 'prebuilt', `linux-${process.arch}`);
}

/** Builds for this machine, in the user's cache; quick where that was done before. */
export async function buildInCache(): Promise<NativeArtefacts> {
  const hash = sourceHash(nativeSources());
  const directory = join(cacheDirectory(), 'kns-rootless', hash.slice(0, 16));
  await buildNative(directory);
  return artefactsIn(directory, 'built');
}

export async function locateNative(): Promise<NativeArtefacts> {
  const prebuilt = prebuiltDirectory();
  return isUsable(prebuilt) ? artefactsIn(prebuilt, 'prebuilt') : await buildInCache();
}
