/** A pool of which is to be found out whether a walk pays, until it is disposed of. */
export interface DecisionPlace extends Disposable {
  /** Until whoever wants somebody of it should come back; `null`: go on without, it takes far longer than was to be expected. */
  comeBackMs(): number | null;
}

/** How large pools are is asked one after another, ten in a second (`pacing-budget.ts`). */
const EACH_MS = 100;
/** With the next word from the line. */
const COME_BACK_AT_MOST_MS = 5_000;
/** For as long as a role may take to be assumed, and half as long again as the line should take. */
const SLACK = { ms: 1_000, times: 1.5 };

/**
 * Where hundreds of pools of an account are due at once, their seeds wait for the decision, as looking up ten of a pool takes
 * more of the same account's time than to describe it.
 */
export function createDecisionLine(now: () => number) {
  const lines = new Map<string, Set<object>>(); // in the order in which they came
  return {
    /** `domain`: whose quota the descriptions use. */
    enter(domain: string): DecisionPlace {
      const line = lines.get(domain) ?? new Set();
      lines.set(domain, line);
      const me = {};
      const lateAtMs = now() + SLACK.ms + line.size * EACH_MS * SLACK.times;
      line.add(me);
      return {
        comeBackMs() {
          if (now() >= lateAtMs) return null;
          const before = [...line].indexOf(me);
          return Math.min(COME_BACK_AT_MOST_MS, Math.max(1, before) * EACH_MS);
        },
        [Symbol.dispose]() {
          line.delete(me);
          if (line.size === 0 && lines.get(domain) === line) lines.delete(domain);
        },
      };
    },
  };
}
