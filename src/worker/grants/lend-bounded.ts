export interface BoundedOptions<T> {
  /** How many may be open at once. */
  readonly limit: number;
  /** How long one that nobody uses stays open. */
  readonly idleMs: number;
  open(key: string): Promise<T>;
  close(resource: T): Promise<void>;
}

export interface Lender<T> extends AsyncDisposable {
  /** Opens on first use, and closes never while `work` runs. Waits while all that may be open are in use by others. */
  lend<Result>(key: string, work: (resource: T) => Promise<Result>): Promise<Result>;
}

interface Lent<T> {
  readonly resource: Promise<T>;
  users: number;
  idle?: NodeJS.Timeout;
}

/** Keeps a bounded number of things open, those used last. In the map, the one that is idle longest comes first. */
export function lendBounded<T>({ limit, idleMs, open, close }: BoundedOptions<T>): Lender<T> {
  const lent = new Map<string, Lent<T>>();
  const closing = new Set<Promise<void>>();
  const waiting: (() => void)[] = [];

  async function take(key: string): Promise<Lent<T>> {
    for (;;) {
      const known = lent.get(key);
      if (known !== undefined) {
        known.users += 1; // here, with no await before: whoever looks for an idle one must see it
        clearTimeout(known.idle);
        return known;
      }
      if (lent.size + closing.size < limit) {
        const fresh: Lent<T> = { resource: open(key), users: 1 };
        lent.set(key, fresh);
        return fresh;
      }
      const idle = [...lent].find(([, { users }]) => users === 0);
      if (idle !== undefined) drop(...idle);
      await new Promise<void>((resolve) => waiting.push(resolve)); // until one is closed, or used no more
    }
  }

  function drop(key: string, { resource, idle }: Lent<T>): void {
    clearTimeout(idle);
    lent.delete(key);
    const closed = resource.then(close).catch(() => {}); // what cannot be closed properly is gone as well
    closing.add(closed);
    void closed.then(() => {
      closing.delete(closed);
      wake();
    });
  }

  /** All: whoever wants one that is open by now takes it, the others look for a place and wait again. */
  function wake(): void {
    for (const resolve of waiting.splice(0)) resolve();
  }

  function giveBack(key: string, one: Lent<T>, opened: boolean): void {
    one.users -= 1;
    if (one.users > 0 || lent.get(key) !== one) return;
    if (!opened) lent.delete(key); // the next one tries again
    else {
      lent.delete(key);
      lent.set(key, one); // last in line
      one.idle = setTimeout(() => drop(key, one), idleMs).unref();
    }
    wake();
  }

  return {
    async lend(key, work) {
      const one = await take(key);
      let opened = false;
      try {
        const resource = await one.resource;
        opened = true;
        return await work(resource);
      } finally {
        giveBack(key, one, opened);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const entry of lent) drop(...entry);
      await Promise.all(closing);
    },
  };
}
