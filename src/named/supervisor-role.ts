/** How a supervisor (supervisor.ts) is told that it is one: by a variable of its environment. */

type Environment = Record<string, string | undefined>;

const VARIABLE = 'KNS_ROOTLESS_SUPERVISOR';

/** @param callerFiles those of who has called `up`, which the supervisor does not keep */
export function asSupervisor(callerFiles: string): Readonly<Environment> {
  return { [VARIABLE]: callerFiles };
}

export function isSupervisor(env: Readonly<Environment>): boolean {
  return env[VARIABLE] !== undefined && process.send !== undefined;
}

/** Read once, and taken out for all it starts. @returns the files of the caller of `up`; undefined where this process is no supervisor */
export function takeSupervisorRole(env: Environment): string | undefined {
  const files = isSupervisor(env) ? env[VARIABLE] : undefined;
  delete env[VARIABLE];
  return files;
}
