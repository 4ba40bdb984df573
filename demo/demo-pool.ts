import pools from './pools.json' with { type: 'json' };

const [first] = pools;
if (first === undefined) throw new Error('demo/pools.json holds no pool');

/** The people whom `rolecall.yaml` beside this file names; the emulator on its own serves the same ones. */
export const DEMO_POOL = first;
