/** The API server of `services-api.mjs`, as the benchmark has it. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { writeKubeconfig } from '../lib/index.mjs';

/** As many Services as there are in a measurement. */
export const FEW = 5;
export const MANY = 5000;

export class ServicesApi {
  /** When the last list went out, in ms since the epoch, and how many bytes all have had since `setServices`. */
  lastListAt = 0;
  listedBytes = 0;
  kubeconfig;
  #child;

  constructor(child, port) {
    this.#child = child;
    this.kubeconfig = writeKubeconfig(`http://127.0.0.1:${port}`);
    child.on('message', ({ at, bytes }) => {
      this.lastListAt = at;
      this.listedBytes += bytes;
    });
  }

  static async start() {
    const child = fork(join(import.meta.dirname, 'services-api.mjs'), [FEW, MANY].map(String));
    const [{ port }] = await once(child, 'message');
    return new ServicesApi(child, port);
  }

  setServices(services) {
    this.listedBytes = 0;
    this.#child.send({ services });
  }

  close() {
    this.#child.disconnect();
  }
}
