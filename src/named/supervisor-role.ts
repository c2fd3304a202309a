/** How a supervisor (supervisor.ts) is told that it is one: by a variable of its environment. */

type Environment = Record<string, string | undefined>;

const VARIABLE = 'KNS_ROOTLESS_SUPERVISOR';

export const AS_SUPERVISOR = { [VARIABLE]: '1' };

export function isSupervisor(env: Readonly<Environment>): boolean {
  return env[VARIABLE] !== undefined && process.send !== undefined;
}

/** Whether this process is to be the supervisor; read once, and taken out for all it starts. */
export function takeSupervisorRole(env: Environment): boolean {
  const isOne = isSupervisor(env);
  delete env[VARIABLE];
  return isOne;
}
