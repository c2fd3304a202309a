/** Whether there is a kubectl to compare with; `describe.runIf` asks. */
import { execFileSync } from 'node:child_process';

export function kubectlIsInstalled(): boolean {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
