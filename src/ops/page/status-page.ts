import { createHash } from 'node:crypto';
import type { BoardAccess } from '../board/board-access.ts';
import { Html, html } from './html.ts';
import type { Overview, RunOverview } from './overview.ts';
import { renderRun } from './run-section.ts';
import { STYLE } from './style.ts';

export interface PageView {
  readonly overview: Overview;
  readonly board: BoardAccess['kind'];
  /** Whether failed jobs can be retried there. */
  readonly boardReplays: boolean;
  /** Emails stand in place of labels. */
  readonly emails: boolean;
}

/** Nothing is loaded and nothing runs: the one style is named by its hash. */
export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
} as const;

/** Pure: the page for people. It needs no JavaScript, and renews itself until there is nothing left to wait for. */
export function renderStatusPage({ overview, board, boardReplays, emails }: PageView): string {
  const runs = overview.kind === 'read' ? overview.runs : [];
  const settled = runs.length > 0 && runs.every(({ gate }) => gate.open && !gate.degraded);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${!settled && html`<meta http-equiv="refresh" content="5" />`}
        <title>${title(overview)}</title>
        ${new Html(`<style>${STYLE}</style>`)}
      </head>
      <body>
        <header>
          <h1>rolecall</h1>
          <nav>${boardLink(board)} ${emailsLink(board, emails)}</nav>
        </header>
        <main>${content(overview, runs, boardReplays)}</main>
      </body>
    </html> `;
  return page.text;
}

/** The worst news first: it is what a tab shows. */
function title(overview: Overview): string {
  if (overview.kind === 'unreachable') return 'unknown · rolecall';
  const states = new Set(overview.runs.map(({ gate }) => gate.state));
  const worst = (['blocked', 'unknown', 'pending', 'open'] as const).find((state) => states.has(state));
  return `${worst ?? 'unknown'} · rolecall`;
}

function boardLink(board: BoardAccess['kind']): Html {
  if (board !== 'none') return html`<a href="/board">Board</a>`;
  return html`<span class="soft">
    No board: set <code>ROLECALL_BOARD_USER</code> and <code>ROLECALL_BOARD_PASSWORD</code>, or listen on a loopback
    <code>HOST</code>.
  </span>`;
}

function emailsLink(board: BoardAccess['kind'], emails: boolean): Html | null {
  if (board !== 'login') return null;
  return emails ? html`<a href="/">Hide emails</a>` : html`<a href="/?emails">Show emails</a>`;
}

function content(overview: Overview, runs: readonly RunOverview[], boardReplays: boolean): Html[] {
  if (overview.kind === 'unreachable') {
    return [unknown(`The ledger does not answer (${overview.code}). Check PostgreSQL and DATABASE_URL.`)];
  }
  if (runs.length === 0) return [unknown('No release was produced into this ledger yet: run rolecall produce.')];
  return runs.map((run) => renderRun(run, boardReplays));
}

function unknown(why: string): Html {
  return html`<section class="unknown">
    <p class="state">? unknown</p>
    <p>${why} The gate is closed until then.</p>
  </section>`;
}
