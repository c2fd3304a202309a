/**
 * Where the native artefacts of this machine are.
 *
 * `prebuilt/linux-<arch>/` of the package where it is there; else a build in
 * the user's cache, under the hash of the sources, so that versions don't
 * collide and an upgrade builds anew.
 */

import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ARTEFACTS, buildNative, sourceHash } from './build.ts';

export interface NativeArtefacts {
  readonly addon: string;
  readonly netns: string;
  readonly stub: string;
}

function isPackageRoot(directory: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'));
    return (
      typeof manifest === 'object' &&
      manifest !== null &&
      'name' in manifest &&
      manifest.name === 'kns-rootless'
    );
  } catch {
    return false;
  }
}

/** Up from this file: from the sources as well as from a bundle in dist/. */
function findPackageRoot(): string {
  const start = path.dirname(fileURLToPath(import.meta.url));
  let directory = start;
  while (!isPackageRoot(directory)) {
    const parent = path.dirname(directory);
    if (parent === directory) throw new Error(`no package.json of kns-rootless above ${start}`);
    directory = parent;
  }
  return directory;
}

function artefactsIn(directory: string): NativeArtefacts {
  return {
    addon: path.join(directory, 'addon.node'),
    netns: path.join(directory, 'kns-netns'),
    stub: path.join(directory, 'kns-stub'),
  };
}

function isComplete(directory: string): boolean {
  return Object.keys(ARTEFACTS).every((name) => existsSync(path.join(directory, name)));
}

function isUsable(directory: string): boolean {
  try {
    accessSync(path.join(directory, 'kns-stub'), constants.X_OK);
    return isComplete(directory);
  } catch {
    return false;
  }
}

/** The user's cache (XDG Base Directory Specification: a relative path is to be ignored). */
function cacheDirectory(): string {
  const configured = process.env['XDG_CACHE_HOME'];
  return configured && path.isAbsolute(configured) ? configured : path.join(homedir(), '.cache');
}

export function prebuiltDirectory(packageRoot = findPackageRoot()): string {
  return path.join(packageRoot, 'prebuilt', `linux-${process.arch}`);
}

/** Builds for this machine, in the user's cache; quick where that was done before. */
export async function buildInCache(): Promise<NativeArtefacts> {
  const sources = path.join(findPackageRoot(), 'sandbox/native');
  const directory = path.join(cacheDirectory(), 'kns-rootless', sourceHash(sources).slice(0, 16));
  await buildNative(sources, directory);
  return artefactsIn(directory);
}

export async function locateNative(): Promise<NativeArtefacts> {
  const prebuilt = prebuiltDirectory();
  return isUsable(prebuilt) ? artefactsIn(prebuilt) : await buildInCache();
}
