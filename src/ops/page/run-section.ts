import type { TenantId } from '#shared/contract/ids.ts';
import { SEED_QUEUE } from '#shared/contract/seed-job.ts';
import { SEED_STATES, UNSETTLED_STATES, type SeedStateKind } from '#shared/contract/seed-state.ts';
import { adviceOf } from '../gate/describe-gate.ts';
import type { Gate } from '../gate/gate.ts';
import { html, type Html } from './html.ts';
import { SHOWN_SEEDS, type RunOverview, type TenantCount, type TriedAgain } from './overview.ts';

/** Of thousands of tenants, those with open work come first and the rest is counted. */
const SHOWN_TENANTS = 200;
const SHOWN_PER_REASON = 20;

const SIGN = { open: '✓', pending: '…', blocked: '✕', unknown: '?' } as const satisfies Record<Gate['state'], string>;

/** Pure: one run, with its gate, what closes it, what is tried again, and its tenants. */
export function renderRun({ run, gate, tenants, triedAgain, blocked }: RunOverview, boardReplays: boolean): Html {
  const seeds = blocked.map(
    ({ tenant, who, reason }) =>
      html`<tr>
        <td>${tenant}</td>
        <td>${who}</td>
        <td><code class="reason">${reason}</code></td>
      </tr>`,
  );
  return html`<section class="${gate.state}">
    <h2>${run.name}</h2>
    <p class="soft">
      release ${run.release} · run ${run.run} · recorded ${ago(run.ageS)}${run.superseded && ' · superseded'}
    </p>
    <p class="state">${SIGN[gate.state]} ${gate.state}${gate.degraded && ' (degraded)'}</p>
    <p>${sentence(gate, run.superseded)}</p>
    <dl>
      ${SEED_STATES.filter((state) => gate.counts[state] > 0).map(
        (state) =>
          html`<div>
            <dt>${state}</dt>
            <dd>${gate.counts[state]}</dd>
          </div>`,
      )}
    </dl>
    ${gate.reasons.length > 0 && renderReasons(gate)} ${gate.counts.blocked > 0 && renderReplay(gate, boardReplays)}
    ${
      seeds.length > 0 &&
      html`<h3>
          Blocked seeds${gate.counts.blocked > seeds.length && `, the first ${SHOWN_SEEDS} of ${gate.counts.blocked}`}
        </h3>
        <div class="scroll">
          <table>
            <tr>
              <th scope="col">Tenant</th>
              <th scope="col">Seed</th>
              <th scope="col">Reason</th>
            </tr>
            ${seeds}
          </table>
        </div>`
    }
    ${triedAgain.length > 0 && renderTriedAgain(triedAgain)} ${renderTenants(tenants)}
  </section>`;
}

function sentence({ state, degraded, counts, problem }: Gate, superseded: boolean): string {
  switch (state) {
    case 'open':
      return degraded
        ? `This release may serve. ${counts.retrying + counts.waiting} seeds are still tried again by themselves.`
        : 'This release may serve: every seed is settled.';
    case 'pending':
      return 'Work remains. The gate opens by itself when every seed has its first verdict.';
    case 'blocked':
      return superseded
        ? 'A newer run took over before every seed of this one was settled, so this release must not serve.'
        : 'This release must not serve. Mend the causes below and replay; the gate then opens by itself.';
    case 'unknown':
      return `Nothing is known of this release, so it must not serve: ${problem ?? 'no answer'}.`;
    default:
      return state satisfies never;
  }
}

function renderReasons({ reasons }: Gate): Html {
  const rows = [...Map.groupBy(reasons, ({ reason }) => reason)].map(([reason, of]) =>
    renderReason({ reason, ...adviceOf(reason), fixes: renderFixes(of), of }),
  );
  return renderReasonTable('What closes the gate', rows);
}

/** A release may serve without them, so whom it lacks must not go unnoticed. */
function renderTriedAgain(triedAgain: readonly TriedAgain[]): Html {
  const rows = [...Map.groupBy(triedAgain, ({ state, reason }) => `${state} ${reason}`).values()].flatMap((of) => {
    const [first] = of;
    if (first === undefined) return [];
    const { meaning, todo } = adviceOf(first.reason);
    return renderReason({
      reason: first.reason,
      meaning,
      todo: first.state === 'waiting' ? WAITING : todo,
      fixes: [],
      of,
    });
  });
  return renderReasonTable('What is tried again', rows);
}

const WAITING = 'Create the user in the pool: workers look again by themselves.';

interface ReasonRow {
  readonly reason: string;
  readonly meaning: string;
  readonly todo: string;
  readonly fixes: readonly Html[];
  readonly of: readonly { readonly tenant: TenantId; readonly count: number }[];
}

function renderReason({ reason, meaning, todo, fixes, of }: ReasonRow): Html {
  return html`<tr>
    <td><code class="reason">${reason}</code><br />${meaning}</td>
    <td>${todo}${fixes}</td>
    <td>${listSome(of.map(({ tenant, count }) => `${tenant}\u00a0(${count})`))}</td>
  </tr>`;
}

function renderReasonTable(title: string, rows: readonly Html[]): Html {
  return html`<h3>${title}</h3>
    <div class="scroll">
      <table>
        <tr>
          <th scope="col">Reason</th>
          <th scope="col">What to do</th>
          <th scope="col">Tenants (seeds)</th>
        </tr>
        ${rows}
      </table>
    </div>`;
}

/** Run in the database of another tenant, a statement would mend the wrong table: whose it is is said unless it is everybody's. */
function renderFixes(reasons: Gate['reasons']): Html[] {
  const fixes = Map.groupBy(
    reasons.filter(({ fix }) => fix !== undefined),
    ({ fix }) => fix,
  );
  return [...fixes].slice(0, SHOWN_PER_REASON).map(([fix = '', of]) => {
    const whose = of.length < reasons.length && `${listSome(of.map(({ tenant }) => tenant))}: `;
    return html`<p class="fix">${whose}<code>${fix}</code></p>`;
  });
}

function listSome(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_PER_REASON).join(', ');
  return names.length > SHOWN_PER_REASON ? `${shown} and ${names.length - SHOWN_PER_REASON} more` : shown;
}

function renderReplay({ name, reasons }: Gate, boardReplays: boolean): Html {
  const blocking = new Set(reasons.map(({ reason }) => reason).filter((reason) => reason !== 'superseded'));
  const which = blocking.size === 1 ? `--reason ${[...blocking].join('')}` : '--all';
  const command = `npm run -s rolecall -- replay --name ${name ?? ''} ${which}`;
  const link = html`retry the failed jobs on the <a href="/board/queue/${SEED_QUEUE}?status=failed">board</a>, or run `;
  return html`<h3>To replay</h3>
    <p>When the cause is mended, ${boardReplays ? link : 'run '}<code>${command}</code>.</p>`;
}

function renderTenants(counts: readonly TenantCount[]): Html | null {
  const tenants = Map.groupBy(counts, ({ tenant }) => tenant);
  const states = SEED_STATES.filter((state) => counts.some((each) => each.state === state));
  const rows = [...tenants].toSorted(([, left], [, right]) => openWork(right) - openWork(left)).slice(0, SHOWN_TENANTS);
  if (rows.length === 0) return null;
  return html`<h3>Tenants</h3>
    <div class="scroll">
      <table>
        <tr>
          <th scope="col">Tenant</th>
          ${states.map((state) => html`<th scope="col" class="number">${state}</th>`)}
        </tr>
        ${rows.map(([tenant, of]) => renderTenant(tenant, of, states))}
      </table>
    </div>
    ${more(tenants.size, 'tenants')}`;
}

const UNSETTLED: ReadonlySet<SeedStateKind> = new Set(UNSETTLED_STATES);

function openWork(counts: readonly TenantCount[]): 0 | 1 {
  return counts.some(({ state }) => UNSETTLED.has(state)) ? 1 : 0;
}

function renderTenant(tenant: TenantId, of: readonly TenantCount[], states: readonly SeedStateKind[]): Html {
  const countOf = (state: SeedStateKind) => of.find((each) => each.state === state)?.count ?? 0;
  return html`<tr>
    <th scope="row">${tenant}</th>
    ${states.map((state) => html`<td class="number">${countOf(state)}</td>`)}
  </tr>`;
}

function more(count: number, what: string): Html | false {
  return (
    count > SHOWN_TENANTS &&
    html`<p class="soft">… and ${count - SHOWN_TENANTS} more ${what}: <code>npm run -s rolecall -- status</code></p>`
  );
}

function ago(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86_400)} days ago`;
}
