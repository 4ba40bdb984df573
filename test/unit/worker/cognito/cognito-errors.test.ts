import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import * as sts from '@aws-sdk/client-sts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isReason, type Reason } from '#shared/contract/reasons.ts';
import { classifyCognitoError, REASON_BY_NAME } from '../../../../src/worker/cognito/cognito-errors.ts';

/** What the SDK throws, as far as the classification looks at it. */
interface Thrown {
  readonly name?: string;
  readonly code?: unknown;
  readonly status?: number;
  readonly statusCode?: number;
  readonly syscall?: string;
  readonly message?: string;
}

function thrown({ name = 'Error', code, status, statusCode, syscall, message = '' }: Thrown): Error {
  const error = Object.assign(new Error(message), {
    code,
    statusCode,
    syscall,
    ...(status !== undefined && meta(status)),
  });
  error.name = name;
  return error;
}

const meta = (status: number) => ({ $metadata: { httpStatusCode: status } });

test('every error class that Cognito or STS exports has a row of its own', () => {
  const bases = new Set(['CognitoIdentityProviderServiceException', 'STSServiceException']);
  const exported = Object.keys({ ...cognito, ...sts }).filter((key) => /(Exception|Error)$/.test(key));
  const classes = exported.filter((key) => !bases.has(key));

  expect(classes.length).toBeGreaterThan(50);
  expect(classes.filter((name) => !Object.hasOwn(REASON_BY_NAME, name))).toEqual([]);
});

test.for<[what: string, error: Thrown, reason: Reason]>([
  ['a throttle comes as HTTP 400', { name: 'TooManyRequestsException', status: 400 }, 'throttled'],
  ['a throttle of STS', { name: 'Throttling', status: 400 }, 'throttled'],
  ['any 429', { name: 'Unknown', status: 429 }, 'cognito-unavailable'],
  ['a 429 page of a proxy', { name: 'SyntaxError', status: 429 }, 'cognito-unavailable'],
  ['a 408', { name: 'Unknown', status: 408 }, 'cognito-unavailable'],
  ['an internal error that comes as HTTP 400', { name: 'InternalErrorException', status: 400 }, 'cognito-unavailable'],
  ['503 with an empty body', { name: 'Unknown', status: 503 }, 'cognito-unavailable'],
  ['501', { name: 'NotImplemented', status: 501 }, 'cognito-unavailable'],
  ['a definitive name at 500', { name: 'AccessDeniedException', status: 500 }, 'cognito-unavailable'],
  ['502 with a page', { name: 'SyntaxError', status: 502 }, 'cognito-unavailable'],
  ['200 with a page', { name: 'SyntaxError', status: 200 }, 'cognito-unavailable'],
  ['200 with a date that cannot be read', { name: 'TypeError', status: 200 }, 'cognito-unavailable'],
  ['a redirect of a captive portal', { name: 'Unknown', status: 302 }, 'cognito-unavailable'],
  ['something else that speaks HTTP', { name: 'Unknown', status: 404 }, 'endpoint-refused'],
  ['a proxy that refuses with a page', { name: 'SyntaxError', status: 403 }, 'endpoint-refused'],
  ['a proxy that wants a password', { code: 'ERR_PROXY_TUNNEL', statusCode: 407 }, 'endpoint-refused'],
  ['a proxy that refuses the host', { code: 'ERR_PROXY_TUNNEL', statusCode: 403 }, 'endpoint-refused'],
  ['a proxy that is busy', { code: 'ERR_PROXY_TUNNEL', statusCode: 429 }, 'network'],
  ['a proxy that finds nobody', { code: 'ERR_PROXY_TUNNEL', statusCode: 502 }, 'network'],
  ['a proxy that does not answer', { code: 'ERR_PROXY_TUNNEL' }, 'network'],
  ['STS answers 503 with what is no XML', { message: 'unclosed tag', status: 503 }, 'cognito-unavailable'],
  ['a closed socket', { name: 'TimeoutError', code: 'ECONNRESET' }, 'network'],
  ['a socket closed in the middle of a 200', { code: 'ECONNRESET', status: 200 }, 'network'],
  ['a name that does not resolve', { code: 'ENOTFOUND' }, 'network'],
  ['DNS is away', { code: 'EAI_AGAIN' }, 'network'],
  ['a token that is not mounted', { code: 'ENOENT', syscall: 'open' }, 'credentials-unavailable'],
  ['a token that we may not read', { code: 'EACCES', syscall: 'open' }, 'credentials-unavailable'],
  ['a firewall', { code: 'EACCES', syscall: 'connect' }, 'network'],
  ['nobody listens', { code: 'ECONNREFUSED' }, 'network'],
  ['an answer that is no HTTP', { code: 'HPE_INVALID_CONSTANT' }, 'network'],
  ['no file descriptors', { code: 'EMFILE' }, 'network'],
  ['a TLS handshake that fails', { code: 'EPROTO' }, 'network'],
  ['the time-out of a request', { name: 'TimeoutError', code: 'ETIMEDOUT' }, 'timeout'],
  ['the time-out of a connection', { name: 'TimeoutError' }, 'timeout'],
  ['a body that stalls', { name: 'TimeoutError', status: 200 }, 'timeout'],
  ['our own deadline', { name: 'AbortError' }, 'timeout'],
  ['an expired session', { name: 'ExpiredTokenException', status: 400 }, 'credentials-expired'],
  ['an expired session, as STS says it', { name: 'ExpiredToken', status: 403 }, 'credentials-expired'],
  ['a clock that is wrong', { name: 'RequestTimeTooSkewed', status: 403 }, 'credentials-expired'],
  [
    'a signature from another time',
    { name: 'InvalidSignatureException', status: 400, message: 'Signature expired: 20260101T000000Z is now earlier' },
    'credentials-expired',
  ],
  [
    'a signature from the future',
    { name: 'SignatureDoesNotMatch', status: 403, message: 'Signature not yet current: 20270101T000000Z' },
    'credentials-expired',
  ],
  ['a signature of the wrong key', { name: 'SignatureDoesNotMatch', status: 403 }, 'credentials-invalid'],
  ['a key that nobody knows', { name: 'UnrecognizedClientException', status: 400 }, 'credentials-invalid'],
  ['the same, as STS says it', { name: 'InvalidClientTokenId', status: 403 }, 'credentials-invalid'],
  ['no credentials', { name: 'CredentialsProviderError' }, 'credentials-unavailable'],
  ['no such pool', { name: 'ResourceNotFoundException', status: 400 }, 'pool-not-found'],
  ['no permission', { name: 'AccessDeniedException', status: 400 }, 'access-denied'],
  ['a web application firewall', { name: 'ForbiddenException', status: 403 }, 'access-denied'],
  ['a role that may not be assumed', { name: 'AccessDenied', status: 403 }, 'assume-role-refused'],
  ['a role ARN that is none', { name: 'ValidationError', status: 400 }, 'assume-role-refused'],
  ['a region that is not enabled', { name: 'RegionDisabledException', status: 403 }, 'region-refused'],
  ['a replica', { name: 'OperationNotEnabledException', status: 400 }, 'region-refused'],
  ['a filter that Cognito cannot parse', { name: 'InvalidParameterException', status: 400 }, 'email-malformed'],
  ['a name that nobody knows', { name: 'BrandNewException', status: 400 }, 'cognito-refused'],
  ['400 with an empty body', { name: 'Unknown', status: 400 }, 'cognito-refused'],
  ['a bug of ours', { name: 'TypeError', message: 'x is not a function' }, 'unexpected'],
  ['a code of Node for misuse', { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }, 'unexpected'],
])('%s', ([, error, reason]) => {
  expect(classifyCognitoError(thrown(error))).toBe(reason);
});

test.for([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CRL_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
])('a certificate that is not trusted is no blip: %s', (code) => {
  expect(classifyCognitoError(thrown({ code }))).toBe('endpoint-refused');
});

test('whatever is thrown has a reason, and classifying never throws', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.constantFrom('TimeoutError', 'SyntaxError', 'ECONNRESET', 'toString', '__proto__'),
  );
  const given = fc.record({ name: texts, code: fc.oneof(texts, fc.integer(), fc.anything()), status: fc.integer() });
  fc.assert(
    fc.property(given, fc.boolean(), ({ name, code, status }, answered) => {
      const error = thrown({ name, code, ...(answered && { status }) });
      expect(isReason(classifyCognitoError(error))).toBe(true);
    }),
  );
  fc.assert(fc.property(fc.anything(), (value) => isReason(classifyCognitoError(value))));
});

test('a 5xx never blocks a rollout, whatever its name and code', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.integer({ min: 500, max: 599 }), (name, code, status) => {
      expect(classifyCognitoError(thrown({ name, code, status }))).toBe('cognito-unavailable');
    }),
  );
});
