import { SeedId, RunId, Sub, TenantId, type Email } from '#shared/contract/ids.ts';
import { maskEmail, type Label } from '#shared/contract/label.ts';
import type { ReasonOf } from '#shared/contract/reasons.ts';
import { seedJobId, type SeedJob } from '#shared/contract/seed-job.ts';
import type { SeedState } from '#shared/contract/seed-state.ts';
import { failed, type Outcome } from '../src/worker/outcome.ts';

/*
 * What must not compile. Nothing here runs: `tsc` fails where one of these lines is no error.
 */
declare const email: Email;
declare const sub: Sub;
declare function use(...values: unknown[]): void;

// A throttle never blocks a rollout.
// @ts-expect-error a transient reason cannot block
use({ kind: 'blocked', reason: 'throttled' } satisfies SeedState);
// @ts-expect-error nor can it end an attempt so
use({ kind: 'blocked', reason: 'network' } satisfies Outcome);

// @ts-expect-error no permission is not something to try again by itself
use({ kind: 'retrying', reason: 'access-denied', nextAttemptAt: new Date() } satisfies SeedState);
// @ts-expect-error a retry without its time could not be shown to an operator
use({ kind: 'retrying', reason: 'throttled' } satisfies SeedState);
// @ts-expect-error a grant names whom
use({ kind: 'granted' } satisfies SeedState);
// @ts-expect-error a disabled user is skipped, a malformed email is not
use({ kind: 'skipped', reason: 'email-malformed' } satisfies SeedState);
// @ts-expect-error only a missing user is waited for
use({ kind: 'waiting', reason: 'user-disabled', nextAttemptAt: new Date() } satisfies SeedState);
// @ts-expect-error one seed's malformed email does not speak for the tenant
use('email-malformed' satisfies ReasonOf<'tenant'>);
// @ts-expect-error a reason stands in the table
use(failed('no-such-reason', null));

// @ts-expect-error a raw email is no label
use(email satisfies Label);
// @ts-expect-error what is masked was parsed first
use(maskEmail('ada@example.org'));
// @ts-expect-error ids look alike and are never swapped
use(seedJobId({ run: SeedId.parse(1), seedId: RunId.parse(1) }));
// @ts-expect-error nor are these
use(sub satisfies TenantId);
const named = { v: 1, run: RunId.parse(1), tenant: TenantId.parse('t'), seedId: SeedId.parse(1) } as const;
// @ts-expect-error a job carries a label, not an email
use({ ...named, label: email } satisfies SeedJob);
