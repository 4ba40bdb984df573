import { expect, test } from 'vitest';
import { ManifestName, ReleaseId, RunId, TenantId } from '#shared/contract/ids.ts';
import type { SeedStateKind } from '#shared/contract/seed-state.ts';
import { evaluateGate } from '../../../src/ops/gate/gate.ts';
import { html } from '../../../src/ops/page/html.ts';
import type { Overview, RunOverview } from '../../../src/ops/page/overview.ts';
import { renderStatusPage } from '../../../src/ops/page/status-page.ts';

const HOSTILE = `<script>alert("1&2")</script>'`;
const tenant = TenantId.parse('flip');

function overviewOf(state: SeedStateKind, blocked: RunOverview['blocked'] = []): RunOverview {
  const ids = { run: RunId.parse(7), name: ManifestName.parse('flip'), release: ReleaseId.parse('<b>r1</b>') };
  const run = { ...ids, onTransient: 'tolerate', seeds: 3, ageS: 10, superseded: false, pruned: false } as const;
  const reasons = blocked.map(({ reason }) => ({ tenant, reason, count: 3 }));
  const gate = evaluateGate({ ...run, recorded: 3, counts: [{ state, count: 3 }], found: [state], reasons });
  return { run, gate, tenants: [{ tenant, state, count: 3 }], triedAgain: [], blocked };
}

const page = (overview: Overview, board: 'login' | 'none' = 'login', boardReplays = true) =>
  renderStatusPage({ overview, board, boardReplays, emails: false });
const read = (...runs: RunOverview[]): Overview => ({ kind: 'read', runs });

const open = overviewOf('granted');
const pending = overviewOf('pending');
const blocked = overviewOf('blocked', [{ tenant, who: HOSTILE, reason: 'user-missing' }]);

test('what goes into the page is escaped, also inside attributes', () => {
  expect(html`<a title="${HOSTILE}">${[html`<i>${HOSTILE}</i>`]}</a>`.text).not.toContain('<script');
  expect(html`<a title="${HOSTILE}"></a>`.text).toBe(
    '<a title="&#60;script&#62;alert(&#34;1&#38;2&#34;)&#60;/script&#62;&#39;"></a>',
  );
});

test('neither a release id nor a label becomes markup', () => {
  expect(page(read(blocked))).not.toMatch(/<script|<b>r1/);
});

test('an open gate does not reload the page', () => {
  expect(page(read(open))).toContain('✓ open');
  expect(page(read(open))).not.toContain('http-equiv="refresh"');
});

test.for([
  ['a pending gate', read(open, pending)],
  ['a blocked gate', read(blocked)],
  ['an empty ledger', read()],
  ['a ledger that is away', { kind: 'unreachable', code: 'ECONNREFUSED' }],
] as [string, Overview][])('%s is looked at again', ([, overview]) => {
  expect(page(overview)).toContain('http-equiv="refresh"');
});

test('a blocked gate says why, what to do and how to replay', () => {
  const shown = page(read(blocked));

  expect(shown).toContain('✕ blocked');
  expect(shown).toContain('No user of the pool has this email.');
  expect(shown).toContain('/board/queue/rolecall?status=failed');
  expect(shown).toContain('<code>npm run -s rolecall -- replay --name flip --reason user-missing</code>');
});

test('a degraded gate says who has no grant yet, why, and what to do if that lasts', () => {
  const counted = { tenant, count: 3 };
  const shown = page(
    read({
      ...overviewOf('retrying'),
      triedAgain: [
        { ...counted, state: 'retrying', reason: 'timeout' },
        { ...counted, state: 'waiting', reason: 'user-missing' },
      ],
    }),
  );

  expect(shown).toContain('✓ open (degraded)');
  expect(shown).toContain('What is tried again');
  expect(shown).not.toContain('What closes the gate');
  expect(shown).toContain('If it lasts, check egress and proxies.');
  expect(shown).toContain('workers look again by themselves'); // nobody replays who waits
  expect(shown.match(/flip\u00a0\(3\)/g)).toHaveLength(2);
});

test('of several causes, one command replays them all', () => {
  const reasons = ['user-missing', 'user-disabled'] as const;
  const both = overviewOf(
    'blocked',
    reasons.map((reason) => ({ tenant, who: 'a•••n@example.org', reason })),
  );
  expect(page(read(both))).toContain('<code>npm run -s rolecall -- replay --name flip --all</code>');
});

/** The page of tenants t0, t1, … whose tables each lack something else, or it is not known what. */
function fixed(...fixes: (string | undefined)[]): string {
  const reasons = fixes.map((fix, index) => {
    const closing = { tenant: TenantId.parse(`t${index}`), reason: 'grants-table-missing', count: 1 } as const;
    return fix === undefined ? closing : { ...closing, fix };
  });
  return page(read({ ...blocked, gate: { ...blocked.gate, reasons } }));
}

test('whose statement it is stands beside it, unless it is everybody’s', () => {
  expect(fixed('create a', 'create b', 'create a')).toContain('t0, t2: <code>create a</code>');
  expect(fixed('create a', undefined)).toContain('t0: <code>create a</code>');
  expect(fixed('create a', 'create a')).toContain('<p class="fix"><code>create a</code></p>');
});

test('a board that only reads is no place to replay', () => {
  expect(page(read(blocked), 'login', false)).not.toContain('/board/queue/rolecall?status=failed');
});

test('the tab shows the worst news', () => {
  expect(page(read(open, blocked, pending))).toContain('<title>blocked · rolecall</title>');
  expect(page(read())).toContain('<title>unknown · rolecall</title>');
});

test('without a board the page says what it takes', () => {
  expect(page(read(open), 'none', false)).toContain('ROLECALL_BOARD_PASSWORD');
  expect(page(read(open), 'none', false)).not.toContain('href="/board"');
});
