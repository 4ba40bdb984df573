const AT_ONCE = 10;

/**
 * Does the work for all of many, a few at a time: each spends its time with waiting for a server, and a server would refuse
 * hundreds. What has begun is ended before the first failure is thrown.
 */
export async function fewAtOnce<Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  while (left.length > 0) {
    const endings = await Promise.allSettled(left.splice(0, AT_ONCE).map(work));
    const failure = endings.find(({ status }) => status === 'rejected');
    if (failure?.status === 'rejected') throw failure.reason;
  }
}
