import type { IncomingHttpHeaders } from 'node:http';
import { parseFilter } from './filter.ts';
import { refuse, type Refusal } from './reply.ts';

export const COGNITO_OPERATIONS = ['ListUsers', 'AdminGetUser', 'DescribeUserPool'] as const;
export type CognitoOperation = (typeof COGNITO_OPERATIONS)[number];
export const OPERATIONS = [...COGNITO_OPERATIONS, 'AssumeRole'] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface RawRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface CognitoCall {
  readonly kind: 'cognito';
  readonly operation: CognitoOperation;
  readonly input: Readonly<Record<string, unknown>>;
  readonly accessKeyId: string;
  readonly region: string;
  readonly pool: string | undefined;
  /** The one email that the call asks about, in lower case; `undefined` for scans, prefixes and other attributes. */
  readonly email: string | undefined;
}

export interface StsCall {
  readonly kind: 'sts';
  readonly operation: 'AssumeRole';
  readonly form: URLSearchParams;
  readonly accessKeyId: string;
  readonly region: string;
}

export type Call = CognitoCall | StsCall;

/** STS speaks awsQuery, a form, where Cognito speaks JSON 1.1: that is how one port can serve both. */
export function isStsRequest({ headers }: RawRequest): boolean {
  return headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
}

/** Signatures are not verified, as no emulator knows the secrets; who signs, and for which region, is read. */
export function readCall(request: RawRequest): Call | Refusal {
  const { authorization } = request.headers;
  if (authorization === undefined) return refuse('MissingAuthenticationTokenException', 'Missing Authentication Token');
  const [, accessKeyId, region] = CREDENTIAL.exec(authorization) ?? [];
  if (accessKeyId === undefined || region === undefined) {
    return refuse(
      'IncompleteSignatureException',
      'Authorization header requires an AWS4-HMAC-SHA256 credential scope.',
    );
  }
  return isStsRequest(request)
    ? readStsCall(request, { accessKeyId, region })
    : readCognitoCall(request, { accessKeyId, region });
}

const CREDENTIAL = /^AWS4-HMAC-SHA256 .*?Credential=([^/,\s]+)\/\d{8}\/([^/,\s]+)\/[^/,\s]+\/aws4_request/;
const TARGET = 'AWSCognitoIdentityProviderService.';

type Signer = Pick<Call, 'accessKeyId' | 'region'>;

function readStsCall({ body }: RawRequest, signer: Signer): StsCall | Refusal {
  const form = new URLSearchParams(body);
  const action = form.get('Action');
  if (action !== 'AssumeRole')
    return refuse('InvalidAction', `Could not find operation ${action} for version 2011-06-15`);
  return { kind: 'sts', operation: 'AssumeRole', form, ...signer };
}

function readCognitoCall({ headers, body }: RawRequest, signer: Signer): CognitoCall | Refusal {
  const target = String(headers['x-amz-target']);
  const operation = COGNITO_OPERATIONS.find((name) => target === TARGET + name);
  if (operation === undefined) return refuse('UnknownOperationException', `Unknown operation ${target}`);
  const input = parseObject(body);
  if (input === null) return refuse('SerializationException', 'The request body is no JSON object.');
  const pool = typeof input['UserPoolId'] === 'string' ? input['UserPoolId'] : undefined;
  return { kind: 'cognito', operation, input, pool, email: emailOf(operation, input), ...signer };
}

function parseObject(body: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(body);
    // An object's keys are strings; what they hold stays unknown.
    return typeof parsed === 'object' && !Array.isArray(parsed) ? (parsed as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

function emailOf(operation: CognitoOperation, input: Readonly<Record<string, unknown>>): string | undefined {
  if (operation === 'AdminGetUser') return lowered(input['Username']);
  if (operation !== 'ListUsers' || typeof input['Filter'] !== 'string') return undefined;
  const filter = parseFilter(input['Filter']);
  return filter?.attribute === 'email' && filter.operator === '=' ? lowered(filter.value) : undefined;
}

function lowered(value: unknown): string | undefined {
  return typeof value === 'string' ? value.toLowerCase() : undefined;
}
