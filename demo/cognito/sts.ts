import { randomBytes, randomUUID } from 'node:crypto';
import type { StsCall } from './call.ts';
import type { HttpAnswer } from './http-answer.ts';
import { refuse, type Refusal } from './reply.ts';

/** A role that AssumeRole accepts. */
export interface EmulatedRole {
  readonly arn: string;
  /** When given, callers must send the same. */
  readonly externalId?: string;
  /** Default: the account of the ARN. */
  readonly account?: string;
}

/** A key that AssumeRole gave out. All others are static ones: good for ever, and in every account. */
export interface IssuedKey {
  readonly account: string;
  readonly expiresMs: number;
}

export interface StsOptions {
  /** `undefined`: every role is accepted. */
  readonly roles: readonly EmulatedRole[] | undefined;
  /** By access key id; every AssumeRole adds one. */
  readonly keys: Map<string, IssuedKey>;
  readonly nowMs: number;
}

/** API_AssumeRole: between 15 minutes and 12 hours, an hour when not said. */
const DURATION_SECONDS = { min: 900, max: 43_200, default: 3600 };

export function assumeRole({ form, accessKeyId }: StsCall, { roles, keys, nowMs }: StsOptions): HttpAnswer {
  const arn = form.get('RoleArn') ?? '';
  const [, , , arnAccount] = ARN.exec(arn) ?? [];
  if (arnAccount === undefined) return stsError(refuse('ValidationError', `${arn} is invalid`));
  const seconds = Number(form.get('DurationSeconds') ?? DURATION_SECONDS.default);
  if (!(seconds >= DURATION_SECONDS.min && seconds <= DURATION_SECONDS.max)) {
    return stsError(refuse('ValidationError', `Value '${seconds}' at 'durationSeconds' is out of range`));
  }
  const role = roles?.find((accepted) => accepted.arn === arn);
  const trusted = role && (role.externalId === undefined || role.externalId === form.get('ExternalId'));
  if (roles !== undefined && !trusted) {
    const user = `arn:aws:iam::${keys.get(accessKeyId)?.account ?? arnAccount}:user/emulated`;
    return stsError(
      refuse('AccessDenied', `User: ${user} is not authorized to perform: sts:AssumeRole on resource: ${arn}`),
    );
  }

  const newKeyId = `ASIA${randomBytes(8).toString('hex').toUpperCase()}`;
  const expiresMs = nowMs + seconds * 1000;
  keys.set(newKeyId, { account: role?.account ?? arnAccount, expiresMs });
  return stsAnswer(
    200,
    `<AssumeRoleResponse xmlns="${NAMESPACE}"><AssumeRoleResult>
<AssumedRoleUser>
<AssumedRoleId>AROAEMULATED:${escapeXml(form.get('RoleSessionName') ?? '')}</AssumedRoleId>
<Arn>${escapeXml(arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/'))}</Arn>
</AssumedRoleUser>
<Credentials>
<AccessKeyId>${newKeyId}</AccessKeyId>
<SecretAccessKey>${randomBytes(30).toString('base64')}</SecretAccessKey>
<SessionToken>${randomBytes(48).toString('base64')}</SessionToken>
<Expiration>${new Date(expiresMs).toISOString()}</Expiration>
</Credentials>
</AssumeRoleResult><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></AssumeRoleResponse>`,
  );
}

const ARN = /^arn:(aws[\w-]*):(iam)::(\d{12}):role\/.+$/;
const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** Who may not, gets a 403 of STS, where Cognito sends a 400. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'AccessDenied',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'MissingAuthenticationToken',
  'RegionDisabledException',
  'SignatureDoesNotMatch',
]);

export function stsError({ name, message, status }: Refusal): HttpAnswer {
  const byName = FORBIDDEN.has(name)
    ? 403
    : name === 'ServiceUnavailable'
      ? 503
      : name.startsWith('Internal')
        ? 500
        : 400;
  const code = status ?? byName;
  return stsAnswer(
    code,
    `<ErrorResponse xmlns="${NAMESPACE}"><Error>
<Type>${code >= 500 ? 'Receiver' : 'Sender'}</Type><Code>${escapeXml(name)}</Code><Message>${escapeXml(message)}</Message>
</Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
  );
}

function stsAnswer(status: number, body: string): HttpAnswer {
  return { status, headers: { 'content-type': 'text/xml', 'x-amzn-requestid': randomUUID() }, body };
}

const XML_ENTITY: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"]/g, (char) => XML_ENTITY[char] ?? char);
}
